-- SPDX-License-Identifier: Apache-2.0
-- Symbols of an inferior, compared with what gdb and nm say of the same files.

local core = require "tiexec.core"
local stopped = require "tests.lib.stopped"
local support = require "tests.lib.support"
local tiexec = require "tiexec"

local c = tiexec.constants
local callable = support.programs .. "callable"

-- What nm says: addresses in the file by name, of functions and data.
local function nm(path, options)
    local list = {}
    local out = support.shell(("nm %s %s 2>/dev/null"):format(options or "", path)).out
    for address, kind, name in out:gmatch("(%x+) (%a) ([^\n]+)") do
        if kind:find("[TtDdBbRr]") then list[name] = tonumber(address, 16) end
    end
    return list
end

describe("symbols", function()
    local inferior
    before_each(function() inferior = stopped.at_entry { callable } end)
    after_each(function() stopped.finish(inferior) end)

    local function executable()
        for _, object in ipairs(inferior:objects()) do
            if object.name == "callable" then return object end
        end
    end

    it("of the executable are at the addresses that nm says, global and local", function()
        local bias, names = executable().bias, nm(callable)
        for _, name in ipairs { "main", "inner", "hidden", "handle", "values", "text", "calls" } do
            assert.equal(bias + names[name], inferior:symbol(name), name)
            local symbol = assert(inferior:lookup_symbol(name))
            assert.equal("callable", symbol.object.name)
            assert.equal(name == "hidden" or name == "handle", symbol.is_local)
        end
        assert.equal("object", inferior:lookup_symbol("values").kind)
        assert.equal(72, inferior:lookup_symbol("values").size)
        assert.equal("function", inferior:lookup_symbol("main").kind)
    end)

    it("name addresses as gdb does", function()
        local bias, commands, wanted = executable().bias, {}, {}
        for name, address in pairs(nm(callable)) do
            local symbol = inferior:lookup_symbol(name, "callable")
            if symbol and symbol.size > 4 then
                for _, offset in ipairs { 0, 3, symbol.size - 1 } do
                    commands[#commands + 1] = ("-ex 'info symbol %#x'"):format(address + offset)
                    wanted[#wanted + 1] = address + offset
                end
            end
        end
        assert.is_true(#wanted > 30)
        local gdb = support.shell(("gdb -batch -nx %s %s 2>/dev/null"):format(table.concat(commands, " "),
            callable)).out
        local i = 0
        for line in gdb:gmatch("[^\n]+") do
            i = i + 1
            local name, offset = line:match("^(%S+) %+ (%d+) in section"), line:match(" %+ (%d+) in")
            name = name or line:match("^(%S+) in section")
            local symbol = assert(inferior:symbol_at(bias + wanted[i]))
            assert.same({ wanted[i], math.tointeger(offset or 0) },
                { symbol.address - bias + symbol.offset, symbol.offset }, line)
            assert.equal(inferior:symbol(name, "callable"), symbol.address, line) -- it may have two names
        end
        assert.equal(#wanted, i)
        assert.equal("main", inferior:symbolize(inferior:symbol("main")))
        assert.equal("main+3", inferior:symbolize(inferior:symbol("main") + 3))
    end)

    it("of libraries are their default versions, by the library's name too", function()
        local libc = inferior:lookup_symbol("malloc").object
        assert.matches("^libc%.so", libc.name)
        local names = nm(libc.path, "-D --with-symbol-versions")
        for _, name in ipairs { "memcpy", "pthread_cond_wait", "realpath" } do
            local address
            for versioned, at in pairs(names) do
                if versioned:find("^" .. name .. "@@") then address = at end
            end
            if address then assert.equal(libc.bias + address, inferior:symbol(name), name) end
        end
        for _, name in ipairs { "libc", libc.name, libc.path } do
            assert.equal(inferior:symbol("malloc"), inferior:symbol("malloc", name))
        end
        assert.equal(inferior:symbol("malloc"), inferior:symbol("malloc", libc))
    end)

    it("of the vdso are there, too", function()
        local clock = inferior:symbol("__vdso_clock_gettime") or inferior:symbol("__kernel_clock_gettime")
        local symbol = inferior:symbol_at(clock + 1)
        assert.equal("[vdso]", symbol.object.name)
        assert.equal(1, symbol.offset)
    end)

    it("are those of what is mapped now, though nothing but remote calls has run since", function()
        local text, page = executable().mappings[1], 4096
        local main = inferior:symbol("main")
        local from = main & -page
        assert.equal("main", inferior:symbolize(main))
        local copy = assert(inferior:remote_syscall("mremap", from, page, page, 1, 0)) -- it may move, and does not
        assert.equal(from, copy)
        assert.equal("main", inferior:symbolize(main))
        assert(inferior:remote_syscall("munmap", text.start, executable().span.stop - text.start))
        assert.equal(c.ENOENT, select(3, inferior:symbolize(main)))
        assert(inferior:kill())
    end)

    it("that are not there are nil and ENOENT", function()
        assert.equal(c.ENOENT, select(3, inferior:symbol("no_such_symbol")))
        assert.equal(c.ENOENT, select(3, inferior:symbol("main", "libc")))
        assert.equal(c.ENOENT, select(3, inferior:symbol("main", "no_such_library")))
        assert.matches("no_such_library", select(2, inferior:symbol("main", "no_such_library")))
        assert.equal(c.ENOENT, select(3, inferior:symbolize(0x10)))
        assert.equal(c.ENOENT, select(3, inferior:symbolize(inferior:read_register("sp"))))
        assert.equal(c.ENOENT, select(3, inferior:symbolize(executable().span.start)))
        assert.has_error(function() inferior:symbol(5) end)
        assert.has_error(function() inferior:symbolize("main") end)
    end)

    it("are found where the text is a private copy", function()
        local main = inferior:symbol("main")
        local start, page = main & -4096, 4096
        local bytes = inferior:read_memory(start, page)
        assert(inferior:remote_syscall("mmap", start, page, c.PROT_READ | c.PROT_WRITE,
            c.MAP_PRIVATE | c.MAP_ANONYMOUS | c.MAP_FIXED, -1, 0))
        assert(inferior:write_memory(start, bytes))
        assert.equal(main, inferior:symbol("main"))
        assert.equal("main+2", inferior:symbolize(main + 2))
    end)
end)

describe("symbols of stripped files", function()
    local folder, path, main
    before_each(function()
        folder = support.folder()
        path = folder.path .. "/stripped"
        main = nm(callable).main
    end)
    after_each(function() getmetatable(folder).__close(folder) end)

    -- Runs shell commands in the folder; `$callable` is the whole program.
    local function make(commands)
        local callable_path = support.shell("realpath " .. callable).out:match("[^\n]+")
        local done = support.shell(("cd %s && callable=%s && set -e; %s"):format(folder.path, callable_path, commands))
        assert.equal(0, done.code, done.err)
    end

    local function look(check)
        local inferior = stopped.at_entry { path }
        local ok, message = pcall(check, inferior)
        stopped.finish(inferior)
        assert(ok, message)
    end

    it("are not there", function()
        make "objcopy -S $callable stripped"
        look(function(inferior) assert.equal(c.ENOENT, select(3, inferior:symbol("hidden"))) end)
    end)

    it("come from the debug file of their build-id, and of no other", function()
        make "objcopy -S $callable stripped"
        local id = core.image(path).build_id
        local name = ("debug/.build-id/%s/%s.debug"):format(id:sub(1, 2), id:sub(3))
        make(("mkdir -p $(dirname %s); objcopy --only-keep-debug $callable %s"):format(name, name))
        table.insert(tiexec.debug_folders, folder.path .. "/debug")
        look(function(inferior)
            local symbol = assert(inferior:lookup_symbol("hidden"))
            assert.equal("hidden+1", inferior:symbolize(symbol.address + 1))
            assert.equal(main + symbol.object.bias, inferior:symbol("main"))
        end)
        make(("objcopy --only-keep-debug /bin/true %s; objcopy -S -R .comment $callable stripped"):format(name))
        look(function(inferior) assert.equal(c.ENOENT, select(3, inferior:symbol("hidden"))) end)
        table.remove(tiexec.debug_folders)
    end)

    local add_debugdata = "objcopy -S $callable stripped; nm $callable --format=posix --defined-only | "
        .. "awk '$2 ~ /[Tt]/ { print $1 }' > keep; objcopy -S --remove-section .comment --keep-symbols=keep "
        .. "$callable mini; %s; objcopy --add-section .gnu_debugdata=mini.xz stripped"

    it("come from .gnu_debugdata", function()
        make(add_debugdata:format("xz --keep mini"))
        look(function(inferior)
            local symbol = assert(inferior:lookup_symbol("hidden"))
            assert.equal("hidden", inferior:symbolize(symbol.address))
            assert.equal(main + symbol.object.bias, inferior:symbol("main"))
        end)
    end)

    it("in .gnu_debugdata that is damaged are not there, and the message says so", function()
        make(add_debugdata:format("xz --keep mini; printf x | dd of=mini.xz bs=1 seek=200 conv=notrunc status=none"))
        look(function(inferior)
            local _, message, errno = inferior:symbol("hidden")
            assert.equal(c.ENOENT, errno)
            assert.matches(".gnu_debugdata is damaged", message, 1, true)
        end)
    end)

    it("in .gnu_debugdata need liblzma, and the message says so", function()
        if not support.is_root then return pending("not root") end
        make(add_debugdata:format("xz --keep mini"))
        local script = folder.path .. "/look.lua"
        support.write_file(script, [[local inferior <close> = assert(tiexec.launch(arg))
            print(select(2, inferior:symbol("hidden")))
            inferior:kill()]])
        local done = support.shell(("unshare -m sh -c 'for f in /lib/*/liblzma.so.5* /usr/lib/*/liblzma.so.5*; do "
            .. "mount --bind /dev/null $f || exit; done; exec %s --script %s %s'"):format(support.tiexec, script, path))
        assert.matches("liblzma.so.5 is not installed", done.out .. done.err, 1, true)
    end)

    it("are those that the damaged file itself still has, and it is no crash", function()
        make("cp $callable stripped; printf '\\377\\377\\377\\377' | "
            .. "dd of=stripped bs=1 seek=50 conv=notrunc status=none")
        look(function(inferior)
            local symbol = inferior:symbol("hidden")
            assert.is_true(symbol == nil or math.type(symbol) == "integer")
        end)
    end)
end)
