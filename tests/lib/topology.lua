-- SPDX-License-Identifier: Apache-2.0
-- For the specs that compare: a program runs with tiexec and without, and all that can be seen must be the same.

local assert = require "luassert"
local core = require "tiexec.core"
local cpu = require "tests.lib.cpu"
local support = require "tests.lib.support"

local topology = {}

topology.root = os.getenv("PWD") .. "/"

local function absolute(path)
    return path:find("^/") and path or topology.root .. path
end

topology.tiexec = absolute(support.tiexec)
topology.programs = absolute(support.programs)

-- Every observed program has this in its environment, and so has its tracer. A tracer is not a child of the test's,
-- so there is no other way to know it.
local mark = support.mark()
local tiexec_file = support.run({ "realpath", topology.tiexec }).out:match("[^\n]*")

--- The words that run `what` as a child of tests/programs/watch.c.
-- @tparam table what `watch`: options of watch; `as`: settings of tests/programs/as.c; `program`: name
-- of a test program, `state` where nothing is said, by its path or `in_path`; or `script`: the text of
-- one, in which FOLDER/state is the file; `arguments`; `environment`: words for env; `options`: of
-- tiexec; `redirect`
-- @string file where state.c writes to
-- @tparam table under words before the program: tiexec, or none
function topology.words(what, file, under)
    local program = { (what.in_path and "" or topology.programs) .. (what.program or "state"), file }
    if what.script then program = { file .. ".sh" } end
    return support.concat({ topology.programs .. "watch" }, what.watch, { "--", topology.programs .. "as" }, what.as,
        { "--" }, under, program, what.arguments)
end

--- Runs `what` and returns what watch says of it, and what the program says of itself.
-- @treturn table `fate`, `state`, `huge` (KiB of text on huge pages), `err`, `out`
function topology.observe(what, under)
    local folder <close> = support.folder()
    local file = folder.path .. "/state"
    if what.script then
        support.write_file(file .. ".sh", (what.script:gsub("FOLDER", folder.path)))
        assert(os.execute("chmod +x " .. file .. ".sh"))
    end
    local environment = (what.environment or ""):gsub("FOLDER", folder.path)
    if environment ~= "-i" then environment = environment .. " TIEXEC_TEST=" .. mark end
    local command = ("env %s %s"):format(environment, support.quote(topology.words(what, file, under)))
    local result = support.shell(("cd %s; %s %s"):format(folder.path, command, what.redirect or ""))
    local state = (support.read_file(file) or "nothing"):gsub("/[%w/]*/tmp%.%w+", "FOLDER"):gsub("/tmp/lua_%w+", "FILE")
    local huge = tonumber(state:match("\nhuge (%d+)"))
    return { fate = result.out, err = result.err, huge = huge, state = (state:gsub("\nhuge %d+", "")) }
end

local function lines(text)
    local list = {}
    for line in text:gmatch("[^\n]+") do list[#list + 1] = line end
    return list
end

--- The lines of the one that the other has not, as "- line" and "+ line".
function topology.difference(before, after)
    local count, result = {}, {}
    for _, line in ipairs(lines(before)) do count[line] = (count[line] or 0) + 1 end
    for _, line in ipairs(lines(after)) do
        if (count[line] or 0) > 0 then
            count[line] = count[line] - 1
        else
            result[#result + 1] = "+ " .. line
        end
    end
    for _, line in ipairs(lines(before)) do
        if count[line] > 0 then
            count[line] = count[line] - 1
            result[#result + 1] = "- " .. line
        end
    end
    return table.concat(result, "\n")
end

--- Asserts that `what` comes out the same with tiexec as without. Returns both observations.
function topology.assert_same(what)
    local plain = topology.observe(what, {})
    local under = topology.observe(what, support.concat({ topology.tiexec }, what.options))
    assert.not_equal("nothing", plain.state)
    assert.equal("", topology.difference(plain.state, under.state))
    assert.equal(plain.fate, under.fate)
    assert.equal(plain.err, under.err)
    return plain, under
end

--- The same, and that tiexec has done its work meanwhile.
function topology.assert_same_and_huge(what)
    local plain, under = topology.assert_same(what)
    -- Where tiexec has run it before, its file is cached in huge pages, which the kernel then maps unasked, if the
    -- program happens to lie congruently and its text is in one segment with the headers.
    assert.is_true(plain.huge == 0 or cpu.one_segment == true)
    assert.is_true(under.huge >= 2048)
end

--- Whether no tiexec is left, in a while, of what has been observed.
function topology.is_clear()
    return support.wait_for(function()
        for _, pid in ipairs(support.processes_with("TIEXEC_TEST", mark)) do
            if core.readlink(("/proc/%d/exe"):format(pid)) == tiexec_file then return false end
        end
        return true
    end) or false
end

return topology
