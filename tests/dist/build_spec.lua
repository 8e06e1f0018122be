-- SPDX-License-Identifier: Apache-2.0
-- make: what is missing is said in a line, and the program is one file. tests/builds has what takes long.

local support = require "tests.lib.support"

local folder = support.folder()
teardown(function() getmetatable(folder).__close(folder) end)

-- A folder of programs that has all that make needs but those named.
local function programs_without(name, missing)
    local path = folder.path .. "/" .. name
    local all = "make sh echo mkdir touch cat sed sort grep tr uname nproc rm cp mv head ls expr cut gcc as ld"
        .. " pkg-config readelf lua5.4 luac5.4"
    os.execute("mkdir -p " .. path)
    for program in all:gmatch("%S+") do
        if not (" " .. missing .. " "):find(" " .. program .. " ", 1, true) then
            os.execute(("ln -sf $(command -v %s) %s/"):format(program, path))
        end
    end
    return path
end

local function make(path, words)
    return support.shell(("env -i PATH=%s %s/make -s BUILD=%s/build %s"):format(path, path, folder.path, words))
end

describe("make says in a line", function()
    for missing, package in pairs { gcc = "gcc", ["lua5.4 luac5.4"] = "lua5.4" } do
        it("that there is no " .. missing, function()
            local err = make(programs_without("no-" .. package, missing), "").err
            local said = err:match("^(make: [^\n]+)\n")
            assert.truthy(said, err)
            assert.truthy(said:find(package .. " ", 1, true), said)
            assert.truthy(said:find("is missing (on Debian: apt-get install " .. package .. ")", 1, true), said)
            assert.equal(0, select(2, err:gsub("\n[^m]", ""))) -- of the rest each line is make's
        end)
    end

    it("that there are no headers of Lua", function()
        local result = support.run { "tests/tools/needed", "gcc", "-nostdinc", "--", "lua5.4" }
        assert.equal(1, result.code)
        assert.truthy(result.err:find("make: lua.h is missing (on Debian: apt-get install liblua5.4-dev)", 1, true))
        assert.truthy(result.err:find("make: gelf.h is missing (on Debian: apt-get install libelf-dev)", 1, true))
    end)
end)

describe("make", function()
    it("compiles modules where there is Lua's compiler alone", function()
        if support.shell("command -v luac5.4").code ~= 0 then return pending "no luac5.4" end
        local file = folder.path .. "/build/bytecode/tiexec/base/text.lua"
        local result = make(programs_without("compiler", "lua5.4"), file)
        assert.same({ "", 0 }, { result.err, result.code })
        assert.is_function(assert(loadfile(file, "b"))().size)
    end)

    it("gives equal bytes, wherever it is called", function()
        local copy = folder.path .. "/copy"
        local words = ("mkdir %s && cp -r Makefile core scripts arch tests docs README.md %s"):format(copy, copy)
        assert(support.shell(words).code == 0)
        local objects = { "core/lua/modules.o", "core/elf/native.o", "core/ptrace/remote.o" }
        for _, object in ipairs(objects) do
            local one, two = folder.path .. "/one", copy .. "/two"
            assert.equal(0, support.shell(("make -s BUILD=%s %s/%s"):format(one, one, object)).code)
            assert.equal(0, support.shell(("make -s -C %s BUILD=two two/%s"):format(copy, object)).code)
            assert.same({ "", 0 }, (function(r) return { r.out, r.code } end)(
                support.shell(("cmp %s/%s %s/%s"):format(one, object, two, object))))
        end
    end)

    it("gives equal bytes of the Lua state that is a part of the program", function()
        local state = support.read_file((os.getenv "TIEXEC_BUILD" or "build") .. "/state")
        if not state then return pending("tiexec is linked dynamically here") end
        local emptied, zeros = folder.path .. "/emptied", folder.path .. "/zeros"
        support.write_file(zeros, ("\0"):rep(#state))
        local words = { "objcopy", "--update-section", ".lua_state=" .. zeros, support.tiexec, emptied }
        assert.equal(0, support.run(words).code)
        local long <const> = "A=" .. ("a"):rep(999)
        for i, environment in ipairs { { "TZ=UTC" }, { "LUA_PATH=/nowhere", "LUA_INIT=error()", long } } do
            local file = folder.path .. "/state" .. i
            local result = support.run(support.concat({ "env", "-i", table.unpack(environment) },
                { emptied, "--write-built-state", file }))
            assert.same({ "", 0 }, { result.err, result.code })
            assert.is_true(support.read_file(file) == state)
        end
        local result = support.run { emptied, "true" } -- and it does without, too
        assert.same({ "", 0 }, { result.err, result.code })
    end)

    it("links statically with no library that lacks a function", function()
        local path = folder.path .. "/lacking"
        support.shell("mkdir " .. path)
        support.write_file(path .. "/elf.c", "int nowhere(void); int elf_begin(void) { return nowhere(); }\n"
            .. "int elf_getdata_rawchunk(void) { return 0; } int gelf_getsym(void) { return 0; }\n")
        support.write_file(path .. "/pkg-config", ("#!/bin/sh\necho -L%s -lelf\n"):format(path))
        local result = support.shell(("cd %s && gcc -c elf.c && ar rc libelf.a elf.o && chmod +x pkg-config && "
            .. "cd %s && make -s BUILD=%s/build PKG_CONFIG=%s/pkg-config LUA_FLAGS=-I/usr/include/lua5.4 "
            .. "%s/build/libs"):format(
            path, support.shell("pwd").out:match("[^\n]+"), path, path, path))
        assert.equal(0, result.code, result.err)
        local libraries = support.read_file(path .. "/build/libs")
        assert.is_nil(libraries:find("^%-static"), libraries)
    end)

    it("uses CPPFLAGS and LIBDIR", function()
        local objects = folder.path .. "/flags"
        local result = support.shell(("make -s BUILD=%s CPPFLAGS='-DNSIG=nonsense()' %s/core/base/signals.o")
            :format(objects, objects))
        assert.not_equal(0, result.code)
        local root = folder.path .. "/root"
        assert.equal(0, support.shell("make -s install PREFIX=/usr LIBDIR=/usr/lib/some DESTDIR=" .. root).code)
        assert.truthy(support.read_file(root .. "/usr/lib/some/lua/5.4/tiexec/core.so"))
    end)
end)

describe("the program, alone in a root of its own", function()
    it("needs nothing but what it is linked to, which is libc at most", function()
        if not support.is_root then return pending "needs root, for chroot" end
        local root = folder.path .. "/alone"
        local libraries = ""
        for path in support.run { "ldd", support.tiexec }.out:gmatch("(/%S+)") do
            assert.truthy(path:find("/lib[cm]%.so") or path:find("/ld%-linux") or path:find("/libdl%.so"), path)
            libraries = libraries .. " " .. path
        end
        local script = ("mkdir -p %s/proc %s/sys && cp --parents %s %s 2>/dev/null; cp %s %sample_static %s/"):format(
            root, root, libraries, root, support.tiexec, support.programs, root)
        support.shell(script)
        for _, strategy in ipairs { "aggressive", "conservative" } do
            local result = support.shell(("unshare -m sh -c 'mount -t proc proc %s/proc && "
                .. "mount --rbind /sys %s/sys && exec chroot %s /tiexec --strict -v "
                .. "--sources thp -s %s /ample_static x'"):format(root, root, root, strategy))
            assert.equal(3, result.code, result.err)
            assert.truthy(result.err:find(" 2 MiB.- thp "), result.err)
        end
    end)
end)
