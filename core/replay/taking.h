/* SPDX-License-Identifier: Apache-2.0
 * Taking steps, one after the other, and taking them back. */
#ifndef TIEXEC_TAKING_H
#define TIEXEC_TAKING_H

#include "ptrace/inferior.h"
#include "replay/place.h"

/* Takes all steps in the thread, which is at its exec stop. Returns 0 or -errno; -EPROTO: one had
 * another result than is kept. On failure all is as it was before; but a program that has been
 * moved stays so, whole and ready to run, with what it has of its pages. */
int taking_all(const struct steps *steps, struct place *place, struct inferior *inferior);

#endif
