/* SPDX-License-Identifier: Apache-2.0 */
/* What the static libelf of elfutils 0.192 (Debian 13) calls and lacks: functions of a helper
 * library that is not packaged. Others have them, or do not call them. libelf itself only knows
 * where a tree is; no two threads use one Elf here, so there is no lock. */
#include <search.h>
#include <stddef.h>

struct tree {
    void *root;
};

typedef int comparison(const void *, const void *);

void eu_search_tree_init(struct tree *tree);
void eu_search_tree_fini(struct tree *tree, void (*free_node)(void *));
void *eu_tsearch(const void *key, struct tree *tree, comparison *compare);
void *eu_tfind(const void *key, struct tree *tree, comparison *compare);
void *eu_tdelete(const void *key, struct tree *tree, comparison *compare);

void eu_search_tree_init(struct tree *tree) { tree->root = NULL; }

void eu_search_tree_fini(struct tree *tree, void (*free_node)(void *))
{
    tdestroy(tree->root, free_node);
}

void *eu_tsearch(const void *key, struct tree *tree, comparison *compare)
{
    return tsearch(key, &tree->root, compare);
}

void *eu_tfind(const void *key, struct tree *tree, comparison *compare)
{
    return tfind(key, &tree->root, compare);
}

void *eu_tdelete(const void *key, struct tree *tree, comparison *compare)
{
    return tdelete(key, &tree->root, compare);
}
