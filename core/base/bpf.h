/* SPDX-License-Identifier: Apache-2.0
 * Classic BPF programs, as far as seccomp(2) takes them: what a filter would say of a system
 * call. */
#ifndef TIEXEC_BPF_H
#define TIEXEC_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

/* Runs a program of `count` instructions on a system call. 0, and *result is what the program
 * returns; or -EINVAL: no kernel would take such a program. */
int bpf_run(const struct sock_filter *program, size_t count, const struct seccomp_data *call,
            uint32_t *result);

#endif
