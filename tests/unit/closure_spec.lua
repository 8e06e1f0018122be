-- SPDX-License-Identifier: Apache-2.0
-- Whether text of a program, or of what it needs, may be on huge pages, by the headers of files alone.

require "tiexec.harness.late"
local core = require "tiexec.core"
local elf_files = require "tests.lib.elf_files"
local support = require "tests.lib.support"

local MIB <const> = 1 << 20
local RPATH <const>, RUNPATH <const>, AUXILIARY <const> = 15, 29, 0x7ffffffd
local LARGE <const> = { text = { 0x1000, 3 * MIB }, data = { 4 * MIB, 4 * MIB + 0x1000 } }

if not core.may_gain then core.open_late(core) end

describe("text may be huge", function()
    local folder
    before_each(function() folder = support.folder() end)
    after_each(function() getmetatable(folder).__close(folder) end)

    local function path(name) return folder.path .. "/" .. name end

    -- Judges a program. `libraries` has the others by their names, and a list of them is made.
    local function judge(program, libraries, list)
        support.write_file(path "program", type(program) == "string" and program or elf_files.bytes(program))
        list = list or {}
        for name, given in pairs(libraries or {}) do
            support.write_file(path(name), type(given) == "string" and given or elf_files.bytes(given))
            list[#list + 1] = { name, path(name) }
        end
        support.write_file(path "cache", elf_files.cache(list, list.old))
        return core.may_gain(path "program", path "cache")
    end

    describe("of no program that is", function()
        it("small, with what it needs", function()
            assert.is_false(judge({ needed = { "one" } }, { one = { needed = { "two" } }, two = {} }))
        end)
        it("without libraries", function() assert.is_false(judge {}) end)
        it("static", function() assert.is_false(judge { linker = false }) end)
        it("nearly a huge page, written to", function()
            assert.is_false(judge { text = { 0x1000, 0x1e0000 } })
        end)
        it("at a place of its own, among what is written to", function()
            assert.is_false(judge { fixed = true, loads = { { 5, 0x400000, 0x480000, 0 }, { 6, 0x500000, 0x501000 } } })
        end)
        it("large, with hardly any text", function()
            assert.is_false(judge { text = { 0x1000, 0x11000 }, data = { 64 * MIB, 65 * MIB } })
        end)
        it("in a circle", function()
            assert.is_false(judge({ needed = { "one" } },
                { one = { needed = { "two" } }, two = { needed = { "one" } } }))
        end)
        it("in a list after an older one", function()
            assert.is_false(judge({ needed = { "one" } }, { one = {} }, { old = true }))
        end)
        it("behind symbolic links", function()
            support.write_file(path "real", elf_files.bytes {})
            os.execute(("ln -s real '%s'; ln -s program '%s'"):format(path "one", path "link"))
            assert.is_false(judge({ needed = { "one" } }, {}, { { "one", path "one" } }))
            assert.is_false(core.may_gain(path "link", path "cache"))
        end)
        it("a script's interpreter", function()
            judge {}
            support.write_file(path "script", "#! " .. path "program" .. " -x\nexit\n")
            support.write_file(path "outer", "#!" .. path "script" .. "\n")
            assert.is_false(core.may_gain(path "script", path "cache"))
            assert.is_false(core.may_gain(path "outer", path "cache"))
        end)
    end)

    describe("of a program", function()
        it("that is large", function() assert.is_true(judge(LARGE)) end)
        it("that spans a huge page", function()
            assert.is_true(judge { text = { 0x1000, 0x40000 }, data = { 2 * MIB, 3 * MIB } })
        end)
        it("whose text alone is in a huge page", function()
            assert.is_true(judge { fixed = true, loads = { { 5, 0x400000, 0x440000, 0 }, { 6, 0x600000, 0x601000 } } })
        end)
        it("that has text in a huge page of its own once it is congruent", function()
            assert.is_true(judge { loads = { { 6, 0, 0x1000 }, { 5, 0x1000, 0x41000, 0x1ff000 } } })
        end)
        it("nothing of which is written to", function()
            assert.is_true(judge { loads = { { 5, 0, 0x40000 } }, linker = false })
        end)
        it("that needs a large library", function()
            assert.is_true(judge({ needed = { "one" } }, { one = LARGE }))
            assert.is_true(judge({ needed = { "one" } }, { one = { needed = { "two" } }, two = LARGE }))
        end)
        it("whose library is in the list twice, and once large", function()
            support.write_file(path "large", elf_files.bytes(LARGE))
            assert.is_true(judge({ needed = { "one" } }, { one = {} }, { { "one", path "large" } }))
        end)
        it("whose library has been replaced", function()
            assert.is_false(judge({ needed = { "one" } }, { one = {} }))
            support.write_file(path "new", elf_files.bytes(LARGE))
            os.rename(path "new", path "one")
            assert.is_true(core.may_gain(path "program", path "cache"))
        end)
        it("whose interpreter is large", function()
            judge(LARGE)
            support.write_file(path "script", "#!" .. path "program" .. "\n")
            assert.is_true(core.may_gain(path "script", path "cache"))
        end)
    end)

    describe("of what comes of a small program", function()
        local function may_change(...) return select(2, judge(...)) end

        it("never, if it names no function by which text comes", function()
            assert.same({ false, false }, { judge { imports = { "puts", "executor", "system_name", "fork" } } })
            assert.same({ false, false }, { judge({ needed = { "one" } }, { one = { imports = { "malloc" } } }) })
        end)
        it("if it names one, or what it needs does", function()
            for _, name in ipairs { "execve", "execl", "fexecve", "posix_spawnp", "dlopen", "system", "popen" } do
                assert.same({ false, true }, { judge { imports = { "puts", name } } }, name)
                assert.is_true(may_change({ needed = { "one" } }, { one = { imports = { name } } }), name)
            end
        end)
        it("but not for what the C library and the dynamic linker have", function()
            assert.is_false(may_change({ needed = { "libc.so.6" } }, { ["libc.so.6"] = { imports = { "execve" } } }))
        end)
        it("wherever the name stands among many", function()
            for _, count in ipairs { 90, 99, 100, 101, 102, 103, 110, 300 } do
                local names = {}
                for i = 1, count do names[i] = "function" .. i end
                assert.is_false(may_change { imports = names })
                names[count + 1] = "execve"
                assert.is_true(may_change { imports = names })
            end
        end)
        it("if its names are not known", function()
            assert.is_true(may_change { linker = false, strings = 0x7000000 })
            for _, size in ipairs { 0, 16385, 1 << 40 } do
                assert.is_true(may_change { imports = { "puts" }, strings_size = size })
            end
        end)
        it("is not asked of a large one", function()
            assert.same({ true, false }, { judge { text = LARGE.text, data = LARGE.data, imports = { "execve" } } })
        end)
    end)

    describe("for all that is known", function()
        it("where a library is missing", function()
            assert.is_true(judge { needed = { "one" } })
            assert.is_true(judge({ needed = { "one" } }, {}, { { "one", path "missing" } }))
        end)
        it("where a library is for another CPU", function()
            assert.is_true(judge({ needed = { "one" } }, {}, { { "one", path "program", kind = 3 } }))
        end)
        it("where there is no list", function()
            judge { needed = { "one" } }
            assert.is_true(core.may_gain(path "program", path "none"))
        end)
        it("where the list is none", function()
            judge({ needed = { "one" } }, { one = {} })
            for _, text in ipairs { "", "x", ("x"):rep(100), "ld.so-1.7.0\0\255\255\255\255",
                elf_files.cache({}):sub(1, 40) } do
                support.write_file(path "cache", text)
                assert.is_true(core.may_gain(path "program", path "cache"))
            end
        end)
        for name, tag in pairs { RPATH = RPATH, RUNPATH = RUNPATH, filter = AUXILIARY } do
            it("where there is a " .. name, function()
                assert.is_true(judge({ tags = { [tag] = "$ORIGIN" } }, {}))
                assert.is_true(judge({ needed = { "one" } }, { one = { tags = { [tag] = "/lib" } } }))
            end)
        end
        it("where a library is needed by its path", function()
            assert.is_true(judge({ needed = { path "one" } }, { one = {} }))
        end)
        it("where another dynamic linker has its own rules", function()
            assert.is_true(judge { linker = "/lib/ld-musl-x86_64.so.1" })
            assert.is_true(judge { linker = "/opt" .. elf_files.linker })
            assert.is_true(judge({ linker = false, needed = { "one" } }, { one = {} }))
        end)
        it("where there are many libraries", function()
            local names, libraries = {}, {}
            for i = 1, 65 do names[i], libraries["l" .. i] = "l" .. i, {} end
            assert.is_true(judge({ needed = names }, libraries))
        end)
        it("of a 32-bit program, of another CPU's, and of no program", function()
            assert.is_true(judge { class = 1 })
            assert.is_true(judge { machine = 8 })
            assert.is_true(judge "echo\n")
            assert.is_true(judge "")
            assert.is_true(core.may_gain(folder.path, path "cache"))
            assert.is_true(core.may_gain(path "none", path "cache"))
        end)
        it("where execve gives other rights", function()
            judge {}
            os.execute("chmod u+s " .. path "program")
            assert.is_true(core.may_gain(path "program", path "cache"))
        end)
        it("of a script whose interpreter is not known", function()
            for _, line in ipairs { "#!", "#!\n", "#!sh\n", "#!/none\n", "#!" .. path "program",
                "#!" .. ("/x"):rep(400) } do
                assert.is_true(judge(line))
            end
        end)
        it("where scripts are each other's interpreters", function()
            support.write_file(path "a", "#!" .. path "b" .. "\n")
            support.write_file(path "b", "#!" .. path "a" .. "\n")
            judge {}
            assert.is_true(core.may_gain(path "a", path "cache"))
        end)
        it("where headers are cut short or make no sense", function()
            local whole = elf_files.bytes { needed = { "one" } }
            for size = 0, #whole - 1, 64 do assert.is_true(judge(whole:sub(1, size), { one = {} })) end
            assert.is_true(judge({ needed = { "one" }, strings = 1 << 60 }, { one = {} }))
            assert.is_true(judge { count = 0xffff })
            assert.is_true(judge { loads = { { 5, 0, -1 } } })
            assert.is_true(judge { loads = { { 5, 1 << 60, (1 << 60) + 0x1000 } } })
        end)
    end)

    it("of random garbage, for all that is known, and nothing breaks", function()
        local whole = elf_files.bytes { needed = { "one", "two" } }
        math.randomseed(1)
        for _ = 1, 300 do
            local bytes = { whole:byte(1, -1) }
            for _ = 1, math.random(8) do
                bytes[math.random(math.random(2) == 1 and 512 or #bytes)] = math.random(0, 255)
            end
            judge(string.char(table.unpack(bytes)), { one = {}, two = {} })
        end
    end)
end)

describe("what runs before the C library", function()
    it("calls nothing but itself", function()
        local build = os.getenv("TIEXEC_BUILD") or "build"
        local own, foreign = {}, {}
        local out = support.shell("nm " .. build .. "/core/front/*.o").out
        for name in out:gmatch("%x+ [TtDdBbRr] (%S+)") do own[name] = true end
        for name in out:gmatch("\n%s+U (%S+)") do
            local is_of_compiler = name:find("^__asan") or name:find("^__ubsan") or name == "_GLOBAL_OFFSET_TABLE_"
            if not own[name] and not is_of_compiler then foreign[#foreign + 1] = name end
        end
        assert.truthy(own.front_start)
        assert.same({}, foreign)
    end)
end)
