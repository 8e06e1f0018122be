-- SPDX-License-Identifier: Apache-2.0
-- Files that are no native ELF executables run, or fail to run, as they do under env(1).

local cpu = require "tests.lib.cpu"
local failure = require "tests.lib.failure"
local support = require "tests.lib.support"

local test = failure.tests(it)
local ample, small = support.programs .. "ample", support.programs .. "small"

local folder
setup(function() folder = support.folder() end)
teardown(function() getmetatable(folder).__close(folder) end)

-- A file in the folder; gives its path.
local function file(name, text, mode)
    local path = folder.path .. "/" .. name
    support.write_file(path, text)
    os.execute(("chmod %s %s"):format(mode or "755", path))
    return path
end

-- The message after "name of the tool: ", with the words that quote the file's name left alone.
local function reason(err) return err:match(": ([^:\n]+)\n$") end

-- tiexec does as env does: the same output, the same end, and where it fails a line that gives the same reason.
local function as_env(words)
    local plain = support.run(table.move(words, 1, #words, 2, { "env" }))
    local result = support.run_tiexec(words)
    failure.same_end(plain, result)
    return plain, result
end

describe("scripts", function()
    it("with #! and a good interpreter: huge pages for the interpreter, and one line", function()
        local path = file("good", "#!/bin/sh\necho \"script $0 $*\"\nexit 5\n")
        local _, result = as_env { path, "a", "b c" }
        assert.equal(5, result.code)
        assert.truthy(failure.one_line(result):find("a script; watching what it becomes (sh)", 1, true), result.err)
    end)

    it("whose interpreter is large gets it on huge pages", function()
        local ready = folder.path .. "/ready"
        local path = file("large", ("#!%s wait\n"):format(support.shell("realpath " .. ample).out:match("[^\n]+")))
        local process <close> = support.start_tiexec({ path }, (">%s 2>&1"):format(ready))
        assert.truthy(support.wait_for(function() return support.huge_text(process.pid) > 0 end))
        assert.truthy(support.wait_for(function()
            return support.read_file(ready):find("argument " .. path, 1, true)
        end))
    end)

    it("with #! and a missing interpreter: 127, as env", function()
        local path = file("bad", "#!/nowhere/interpreter\necho no\n")
        local plain, result = as_env { path }
        assert.equal(127, result.code)
        local line = failure.one_line(result)
        assert.equal(reason(plain.err), line:match("[^:]+$"):gsub("^ ", ""))
        assert.truthy(line:find(path, 1, true))
    end)

    it("without #! are run by /bin/sh, as by env", function()
        local path = file("plain", "echo \"text $*\"\nexit 6\n")
        local _, result = as_env { path, "a" }
        assert.equal(6, result.code)
        assert.equal("text a\n", result.out)
        assert.equal("", result.err)
    end)

    it("that are empty do nothing, as by env", function()
        local _, result = as_env { file("empty", "") }
        assert.equal(0, result.code)
    end)
end)

describe("CMD that cannot be run", function()
    for _, options in ipairs { {}, { "--strict" } } do
        local strict = options[1] and ", --strict" or ""
        local function as_env_says(path, code, why)
            local plain = support.run { "env", path }
            local result = support.run_tiexec(table.move({ path }, 1, 1, #options + 1, { table.unpack(options) }))
            assert.equal(plain.code, result.code)
            assert.equal(code, result.code)
            local line = failure.one_line(result)
            assert.truthy(line:find(path, 1, true))
            assert.truthy(line:find(why, 1, true), line)
            return plain
        end

        it("is a directory: 126" .. strict, function() as_env_says("/usr", 126, "directory") end)
        it("is missing: 127" .. strict, function()
            as_env_says("/nowhere/program", 127, "No such file or directory")
        end)
        it("is not in PATH: 127" .. strict, function()
            as_env_says("no-such-program-here", 127, "No such file or directory")
        end)
        it("has no x bit: 126" .. strict, function()
            as_env_says(file("unreadable", "#!/bin/sh\necho no\n", "644"), 126, "Permission denied")
        end)
        it("has an empty name: 127" .. strict, function()
            local result = support.run_tiexec(table.move({ "" }, 1, 1, #options + 1, { table.unpack(options) }))
            assert.equal(support.run({ "env", "--", "" }).code, result.code)
            failure.one_line(result)
        end)
        it("has a file for a folder: 126 or 127, as env" .. strict, function()
            local result = support.run_tiexec(table.move({ small .. "/x" }, 1, 1, #options + 1,
                { table.unpack(options) }))
            assert.equal(support.run({ "env", small .. "/x" }).code, result.code)
            failure.one_line(result)
        end)
    end
end)

describe("ELF", function()
    it("of another architecture: 126, one line", function()
        local bytes = support.read_file(small)
        local path = file("foreign", bytes:sub(1, 18) .. "\21\0" .. bytes:sub(21)) -- e_machine: EM_PPC64
        local result = support.run_tiexec { path }
        assert.equal(126, result.code)
        assert.equal("", result.out)
        assert.truthy(failure.one_line(result):find("not a program that this host can run", 1, true))
    end)

    it("cut off after its header's magic: 126, one line", function()
        local result = support.run_tiexec { file("magic", "\127ELF") }
        assert.equal(126, result.code)
        failure.one_line(result)
    end)

    local command = {}
    local function host()
        command[1] = file("small32", cpu.program32())
        if support.run(command).code == 7 then return failure.as_it_is() end
        return nil, "this kernel, or this CPU, does not run 32-bit programs"
    end

    test("of 32 bits", { command = command, host = host, line = "32%-bit" })

    -- The tracer alone can see this, since the launcher has looked at the script.
    it("of 32 bits, the interpreter of a script: it runs, and one line says so", function()
        local allowed <close>, why = host() -- luacheck: ignore (held)
        if not allowed then return pending(why) end
        local result = support.run_tiexec { file("script32", "#!" .. command[1] .. "\n") }
        assert.equal(7, result.code)
        assert.matches("32%-bit", failure.one_line(result))
    end)
end)
