-- SPDX-License-Identifier: Apache-2.0
-- For the specs of real programs: each runs plainly and under tiexec, and is looked at while it runs. Its output is
-- a pipe that is full. So the program, however short, waits at its first write until it has been looked at.

local assert = require "luassert"
local busted = require "busted"
local core = require "tiexec.core"
local elf = require "tests.lib.elf"
local support = require "tests.lib.support"

local describe, it, setup, teardown = busted.describe, busted.it, busted.setup, busted.teardown

local specimen = {}

local END_S <const> = 90 -- how long a program may take, with a busy host in mind

-- Fills the pipe, waits to be told, then collects all that is written.
local collector <const> = [[
exec 3<>"$0/pipe"
dd if=/dev/zero bs=4096 oflag=nonblock of="$0/pipe" 2>"$0/noise"
: >"$0/full"
read -r line <"$0/gate"
exec 4<"$0/pipe" 3>&-
cat <&4 >"$0/out"
]]

-- The path of a program as /proc/PID/exe has it.
function specimen.path(name)
    local found = support.shell("realpath \"$(command -v " .. support.quote { name } .. ")\"")
    return found.code == 0 and found.out:match("^(/[^\n]+)\n$") or nil
end

--- The path of GCC's C++ compiler proper, or nil.
function specimen.cc1plus()
    return specimen.path((support.shell("gcc -print-prog-name=cc1plus").out:gsub("\n", "")))
end

-- Whether some thread of a process waits for room in a pipe.
local function waits_to_write(pid)
    return support.shell(("cat /proc/%d/task/*/wchan"):format(pid)).out:find("pipe_write", 1, true) ~= nil
end

--- Waits for the end of a process. Gives what it came to, "exit 0" or "signal 9"; nil if it does not end.
function specimen.finish(process)
    if not support.wait_for(function() return not process:is_alive() end, END_S) then return nil end
    local _, how, code = process.pipe:close()
    setmetatable(process, { __close = function() end }) -- it is gone: nothing is left to kill
    return ("%s %d"):format(how, code)
end

local function words_of(program, tiexec_options)
    local words = { "env", "LC_ALL=C.UTF-8", "TIEXEC=" }
    for name, value in pairs(program.environment or {}) do words[#words + 1] = name .. "=" .. value end
    if tiexec_options then
        words[#words + 1] = support.tiexec
        table.move(tiexec_options, 1, #tiexec_options, #words + 1, words)
        words[#words + 1] = "--"
    end
    return table.move(program.words, 1, #program.words, #words + 1, words)
end

--- The command that starts a program, plainly or with tiexec's options, as words for support.start.
specimen.words = words_of

--- Runs a program to its end, and looks at it before.
-- @tparam table program `words`, the first one a real path; `input`, a file (else none); `errors_too`:
-- it waits at what it writes to standard error; `is_log`: what it writes tells of times and process ids;
-- `result`, a file that it makes; `before`, a shell command
-- @tparam[opt] table tiexec_options plainly when absent
-- @func[opt] check called with its process id while it waits; gives `seen`
-- @treturn table `out`, `err`, `made` (the result), `ended`, `waited`, `seen`
function specimen.run(program, tiexec_options, check)
    local folder <close> = support.folder()
    local path = folder.path
    if program.before then assert(os.execute(program.before)) end
    assert(os.execute(("mkfifo %s/pipe %s/gate"):format(path, path)))
    local reader <close> = support.start({ "sh", "-c", collector, path })
    assert(support.wait_for(function() return core.stat(path .. "/full") end), "the pipe was not filled")

    local redirect = ("<%s >%s/pipe 2>%s"):format(program.input or "/dev/null", path,
        program.errors_too and "&1" or path .. "/err")
    local process <close> = support.start(words_of(program, tiexec_options), redirect)
    local waiting = support.wait_for(function()
        return support.has_become(process.pid, program.words[1]) and waits_to_write(process.pid)
            or not process:is_alive()
    end, END_S)
    local result = { waited = waiting and process:is_alive() }
    if result.waited and check then result.seen = check(process.pid) end
    os.execute(("echo go >%s/gate"):format(path))
    result.ended = specimen.finish(process)
    specimen.finish(reader)
    result.out = (support.read_file(path .. "/out") or ""):gsub("^%z+", "") -- what filled the pipe
    if program.is_log then result.out = nil end
    result.err = support.read_file(path .. "/err")
    result.made = program.result and support.read_file(program.result)
    return result
end

--- A function that makes a program from words; the first one is looked for. `input`: text for its
-- standard input; `more`: other fields. Its `folder` is its own.
function specimen.program(words, input, more)
    return function()
        local path = specimen.path(words[1])
        if not path then return nil, words[1] .. " is not installed" end
        local program = { words = table.move(words, 2, #words, 2, { path }), folder = support.folder() }
        if input then
            program.input = program.folder.path .. "/input"
            support.write_file(program.input, input)
        end
        for key, value in pairs(more or {}) do program[key] = value end
        return program
    end
end

--- Removes what a program brought with it.
function specimen.dispose(program)
    if program and program.folder then getmetatable(program.folder).__close() end
end

-- What must be the same with and without tiexec.
local function outcome(result)
    return { out = result.out, err = result.err, made = result.made, ended = result.ended, waited = result.waited }
end

-- What is loaded after the start is not in the headers that are compared here.
specimen.variants = {}
for _, source in ipairs { "thp", "hugetlb" } do
    for _, strategy in ipairs { "conservative", "aggressive" } do
        table.insert(specimen.variants, { strategy = strategy, source = source,
            options = { "--strategy", strategy, "--sources", source, "--strict", "--follow=none" } })
    end
end
-- On emulated CPUs each strategy and each source once.
if support.patience > 1 then specimen.variants = { specimen.variants[2], specimen.variants[3] } end

--- Defines the tests of one program. `make` gives the program when they run, or nil and why not.
-- `least`: bytes that are huge with the aggressive strategy, wherever the program is loaded.
function specimen.define(name, make, least)
    describe(name, function()
        local program, why, plain
        local seen = {}

        setup(function()
            program, why = make()
            if program then plain = specimen.run(program) end
        end)
        teardown(function() specimen.dispose(program) end)

        it("runs plainly, and can be looked at", function()
            if not program then return support.pending(why) end
            assert.equal("exit " .. (program.status or 0), plain.ended)
            assert.is_true(plain.waited)
        end)

        for _, variant in ipairs(specimen.variants) do
            local title = variant.strategy .. ", " .. variant.source .. ": "

            it(title .. "the same output and status", function()
                if not program then return support.pending(why) end
                if variant.source == "hugetlb" and not specimen.has_pool then
                    return support.pending(specimen.no_pool)
                end
                local result = specimen.run(program, variant.options, function(pid)
                    return elf.check(pid, program.words[1], variant)
                end)
                seen[variant] = result.seen
                assert.same(outcome(plain), outcome(result))
            end)

            it(title .. "huge pages wherever its headers allow them, and nowhere else", function()
                if not program then return support.pending(why) end
                if variant.source == "hugetlb" and not specimen.has_pool then
                    return support.pending(specimen.no_pool)
                end
                assert.is_table(seen[variant], "it was not seen")
                assert.same({}, seen[variant].complaints)
                if variant.strategy == "aggressive" then assert.is_true(seen[variant].huge >= (least or 0)) end
            end)
        end
    end)
end

specimen.no_pool = "no hugetlb pool: not root, or no memory"

--- Sets the host up for a file of tests: `setup(specimen.prepare(pages))`, `teardown(specimen.restore)`.
function specimen.prepare(pages)
    return function()
        specimen.pool, specimen.mode = support.pool(pages), support.thp("madvise")
        specimen.has_pool = specimen.pool ~= nil
    end
end

function specimen.restore()
    for _, value in pairs { specimen.pool, specimen.mode } do getmetatable(value).__close() end
    specimen.pool, specimen.mode, specimen.has_pool = nil, nil, nil
end

return specimen
