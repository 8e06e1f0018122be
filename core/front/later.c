/* SPDX-License-Identifier: Apache-2.0 */
#include "front/later.h"

#include "front/bytes.h"
#include "front/say.h"
#include "front/telling.h"

#define NAME_SIZE 256

const char *later_refusal(bool is_filtered, struct later_reason *reason)
{
    const char *why = is_filtered ? watchable_filtered
                                  : watchable_refusal(WATCHABLE_CPUS, reason->refusal);
    size_t used = 0;
    if (!why)
        return NULL;
    bytes_add(reason->words, sizeof reason->words, &used, why);
    bytes_add(reason->words, sizeof reason->words, &used, watchable_advice);
    return reason->words;
}

bool later_is_plain(const char *name)
{
    size_t length = bytes_length(name, NAME_SIZE);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < ' ' || (unsigned char)name[i] >= 127)
            return false;
    return length < NAME_SIZE;
}

void later_tell(const char *path, char *const *argv, const char *refused)
{
    char line[TELLING_LINE + NAME_SIZE + 16], words[TELLING_LINE], runs[TELLING_NAME];
    enum telling_kind kind = telling_kind(path, argv, runs);
    size_t used = 0;
    if (!refused && (kind == TELLING_PROGRAM || kind == TELLING_SHELL))
        return;
    size_t size = telling_line(words, kind, runs, refused ? TELLING_UNWATCHED : TELLING_WATCHED,
                               refused);
    bytes_add(line, sizeof line, &used, "tiexec: ");
    bytes_append(line, sizeof line, &used, argv[0], bytes_length(argv[0], NAME_SIZE));
    bytes_add(line, sizeof line, &used, ": ");
    bytes_append(line, sizeof line, &used, words, size);
    bytes_add(line, sizeof line, &used, "\n");
    say_text(line, used);
}
