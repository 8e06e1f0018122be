/* SPDX-License-Identifier: Apache-2.0
 * The headers of an ELF file. */
#include "elf/image.h"
#include "lua/open.h"
#include "lua/util.h"

static void push_segments(lua_State *L, const struct image *image)
{
    lua_createtable(L, (int)image->segment_count, 0);
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct segment *s = &image->segments[i];
        lua_createtable(L, 0, 7);
        bind_set_integer(L, "type", s->type);
        bind_set_integer(L, "flags", s->flags);
        bind_set_integer(L, "offset", s->offset);
        bind_set_integer(L, "vaddr", s->vaddr);
        bind_set_integer(L, "filesz", s->filesz);
        bind_set_integer(L, "memsz", s->memsz);
        bind_set_integer(L, "align", s->align);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static int push_image(lua_State *L, const char *what, int err, struct image *image)
{
    if (err)
        return bind_push_failure(L, what, err);
    lua_createtable(L, 0, 12);
    bind_set_integer(L, "class", (uint64_t)image->class);
    bind_set_integer(L, "machine", image->machine);
    bind_set_integer(L, "type", image->type);
    bind_set_integer(L, "entry", image->entry);
    bind_set_integer(L, "device", image->device);
    bind_set_integer(L, "inode", image->inode);
    bind_set_integer(L, "size", image->size);
    bind_set_boolean(L, "text_relocations", image->text_relocations);
    bind_set_integer(L, "needed", image->needed);
    bind_set_boolean(L, "native", image_is_native(image));
    if (image->build_id[0])
        bind_set_string(L, "build_id", image->build_id);
    push_segments(L, image);
    lua_setfield(L, -2, "segments");
    image_free(image);
    return 1;
}

/// The headers of an ELF file.
// @function image
// @string path
// @treturn[1] table `class`, `machine`, `type`, `entry`, as in <elf.h>; `build_id` (hexadecimal;
// nil: none), `native` (it is for this CPU and 64-bit), `text_relocations`, `needed` (how many
// libraries it names); of the file `device`, `inode`, `size`; `segments`: a list of the program
// headers with the field names of <elf.h>
// @treturn[2] nil, message, errno (ENOEXEC: it is no ELF file)
// @usage
// local image = tiexec.image("./example")
// print(image.type == tiexec.constants.ET_DYN, image.native, #image.build_id) --> true true 40
// for _, segment in ipairs(image.segments) do
//     if segment.flags & tiexec.constants.PF_X ~= 0 then print(segment.memsz > 0) end
// end
// --> true
static int l_image(lua_State *L)
{
    struct image image;
    const char *path = luaL_checkstring(L, 1);
    int err = image_open(path, &image);
    return push_image(L, path, err, &image);
}

/// The same for an object of whose file only the first bytes are at hand.
// @function image_from_memory
// @string bytes with the headers
// @treturn[1] table as above; `device`, `inode` and `size` are 0
// @treturn[2] nil, message, errno (ENOEXEC: it is no ELF file)
static int l_image_from_memory(lua_State *L)
{
    struct image image;
    size_t size;
    const char *bytes = luaL_checklstring(L, 1, &size);
    int err = image_from_memory(bytes, size, &image);
    return push_image(L, NULL, err, &image);
}

void bind_add_image(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"image", l_image},
        {"image_from_memory", l_image_from_memory},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
