-- SPDX-License-Identifier: Apache-2.0
-- --inspect of several processes, and what it writes for others: Prometheus's text, pictures, a status.

local core = require "tiexec.core"
local failure = require "tests.lib.failure"
local inspected = require "tests.lib.inspected"
local support = require "tests.lib.support"

local decode <const>, inspect <const>, start <const> = inspected.decode, inspected.inspect, inspected.start
local ample = support.programs .. "ample"
local HUGE <const> = core.host().huge_page_size

describe("--inspect of several processes", function()
    -- What smaps says of the text of files that a process has, and of copies of it: size, huge, read.
    local function text_of(pid)
        local size, huge, read = 0, 0, 0
        for _, m in ipairs(support.smaps(pid)) do
            if m.perms:find("x") and not m.path:find("^%[") then
                size, huge, read = size + m.stop - m.start, huge + support.huge_bytes(m), read + m.Rss
            end
        end
        return { bytes = size, huge_bytes = huge, resident = read, generated = 0 }
    end

    local function told_of(found, pid)
        for _, process in ipairs(found.processes) do
            if process.pid == pid then
                local keys = { "bytes", "huge_bytes", "resident", "generated" }
                local its = {}
                for _, key in ipairs(keys) do its[key] = process[key] end
                return its, process
            end
        end
    end

    it("has a line for each, by id, by name, or of all", function()
        local mode <close> = support.thp("madvise")
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local folder <close> = support.folder()
        local name = "insp" .. core.getpid()
        support.shell(("cp %s %s/%s"):format(ample, folder.path, name))
        local one <close> = start(folder.path .. "/" .. name, { "--sources", "thp" })
        local other <close> = start(folder.path .. "/" .. name)
        for _, words in ipairs { { "--inspect", tostring(one.pid), tostring(other.pid) }, { "--inspect", "-p", name },
            { "-p", name, "--inspect" }, { "--inspect", "all" } } do
            local found = decode(support.run_tiexec(support.concat({ "--json" }, words)))
            for _, process in ipairs { one, other } do
                local its, whole = told_of(found, process.pid)
                assert.same(text_of(process.pid), its)
                assert.equal(name, whole.name)
            end
            if words[2] ~= "all" then assert.equal(2, #found.processes) end
        end
        local out = support.run_tiexec({ "--inspect", "-p", name }).out
        local first = out:find(("%d  %s"):format(other.pid, name), 1, true) -- more of it is small
        assert.is_true(first and first < out:find(("%d  %s"):format(one.pid, name), 1, true), out)
    end)

    it("by a name that nobody has: one line", function()
        local result = support.run_tiexec { "--inspect", "-p", "no-such-name" }
        assert.equal(125, result.code)
        assert.truthy(failure.one_line(result):find("no process is called 'no-such-name'", 1, true))
    end)
end)

describe("--format prometheus", function()
    -- The metrics that a process has, by their names; and all lines, each of which is checked.
    local function metrics_of(out, pid)
        local found, typed = {}, {}
        for line in out:gmatch("[^\n]+") do
            local name = line:match("^# HELP ([%l_]+) %S") or line:match("^# TYPE ([%l_]+) gauge$")
            if name then
                typed[name] = true
            else
                local labels, value
                name, labels, value = line:match("^([%l_]+)(%b{}) (%d+)$")
                assert(name and typed[name], line)
                assert.truthy(labels:find('^{pid="%d+",name="[^"\n]+"'), line)
                if labels:find(('pid="%d",'):format(pid), 1, true) then found[name] = tonumber(value) end
            end
        end
        return found
    end

    it("has what smaps says, of one, of several, of all, of CMD", function()
        local mode <close> = support.thp("madvise")
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local process <close> = start(ample, { "--sources", "thp" })
        local size, huge = 0, 0
        for _, m in ipairs(support.smaps(process.pid)) do
            local is_text = m.perms:find("x") and not m.path:find("^%[v")
            size = size + (is_text and m.stop - m.start or 0)
            huge = huge + (is_text and support.huge_bytes(m) or 0)
        end
        assert.is_true(huge > 0)
        for _, words in ipairs { { tostring(process.pid) }, { tostring(process.pid), "1" }, { "all" } } do
            local result = support.run_tiexec(support.concat({ "--format", "prometheus", "--inspect" }, words))
            assert.same({ 0, "" }, { result.code, result.err })
            local found = metrics_of(result.out, process.pid)
            assert.same({ size, huge }, { found.tiexec_text_bytes, found.tiexec_text_huge_bytes })
            assert.truthy(found.tiexec_text_resident_bytes and found.tiexec_text_generated_bytes)
        end
        local out = support.run_tiexec({ "--format=prometheus", "--inspect", "--", ample }).out
        assert.truthy(out:find('tiexec_text_bytes{pid="%d+",name="ample",executable="[^"]*/ample"} %d+\n'), out)
    end)

    it("escapes names", function()
        local folder <close> = support.folder()
        local odd = folder.path .. "/a\"b\\c\n\255"
        support.run { "cp", ample, odd }
        local out = support.run_tiexec({ "--format=prometheus", "--inspect", "--", odd }).out
        assert.truthy(out:find([[/a\"b\\c\\x0a\\xff"} ]], 1, true), out)
    end)
end)

describe("--require with --inspect", function()
    it("tells by the exit status whether enough is huge", function()
        local mode <close> = support.thp("madvise")
        if not mode then return pending("the THP mode cannot be set: not root?") end
        local process <close> = start(ample, { "--sources", "thp" })
        local small <close> = start(ample)
        local totals = inspect(process.pid).totals
        local percent = 100 * totals.huge_bytes / totals.bytes
        assert.is_true(percent > 1 and percent < 99)
        local function code(required, ...)
            local words = { "--inspect", "--require", ("%.2f"):format(required) }
            local result = support.run_tiexec(support.concat(words, { ... }))
            if result.code == 0 then assert.equal("", result.err) else failure.one_line(result) end
            return result.code
        end
        local one, other = tostring(process.pid), tostring(small.pid)
        assert.equal(0, code(percent - 0.1, one))
        assert.equal(1, code(percent + 0.1, one))
        assert.equal(1, code(1, other))
        assert.equal(1, code(1, one, other))
        assert.equal(0, code(1, one, one))
        assert.equal(1, code(1, "all"))
    end)
end)

describe("--svg", function()
    -- Whether each tag is closed, and what is between them has no stray < or &.
    local function assert_well_formed(text)
        local open = {}
        for tag, rest in text:gmatch("<(/?[%w]+)([^>]*)>") do
            if tag:sub(1, 1) == "/" then
                assert.equal(table.remove(open), tag:sub(2))
            elseif rest:sub(-1) ~= "/" then
                open[#open + 1] = tag
            end
        end
        assert.same({}, open)
        local content = text:gsub("<[^<>]*>", ""):gsub("&%a+;", "")
        assert.is_nil(content:find("[<&]"))
    end

    it("is a picture with each huge page, by name and address", function()
        local mode <close> = support.thp("madvise")
        local folder <close> = support.folder()
        local path = folder.path .. "/map.svg"
        local process <close> = start(ample, { "--sources", "thp" })
        local result = support.run_tiexec { "--svg", path, "--inspect", tostring(process.pid) }
        assert.same({ 0, "", "" }, { result.code, result.out, result.err })
        local text = support.read_file(path)
        assert_well_formed(text)
        for _, picture in ipairs(inspect(process.pid).pictures) do
            assert.truthy(text:find(">" .. picture.object:match("[^/]*$") .. "<", 1, true))
            assert.truthy(text:find(">" .. picture.start:sub(3) .. "<", 1, true))
        end
        local _, cells = text:gsub("<title>0x%x+: transparent", "")
        assert.equal(support.huge_text(process.pid) // HUGE, cells)
        if mode == nil then return pending("the THP mode could not be set, it was as it was") end
    end)

    it("is well-formed whatever the program is called", function()
        local folder <close> = support.folder()
        local odd = folder.path .. "/a<b&c\"\1\255"
        support.run { "cp", ample, odd }
        local path = folder.path .. "/map.svg"
        local result = support.run_tiexec { "--svg", path, "--inspect", "--", odd }
        assert.equal(0, result.code, result.err)
        local text = support.read_file(path)
        assert_well_formed(text)
        assert.truthy(text:find("a&lt;b&amp;c", 1, true))
        assert.truthy(utf8.len(text))
    end)

    it("to a FIFO that nobody reads is refused at once; a full one is waited for", function()
        local folder <close> = support.folder()
        local fifo = folder.path .. "/pipe"
        os.execute("mkfifo " .. fifo)
        local words = { "timeout", "-s", "KILL", "60", support.tiexec, "--svg", fifo, "--inspect", "--", ample }
        local result = support.run(words)
        assert.equal(125, result.code)
        assert.truthy(failure.one_line(result):find(fifo, 1, true))
        local script = [[exec 4<>"$1"; head -c 65536 /dev/zero >&4; shift 5; "$@" &
            while [ -e /proc/$!/exe ] && ! grep -q pipe_write /proc/$!/wchan; do sleep 0.01; done
            head -c 65536 <&4 >/dev/null; wait $!; echo $?; head -c 4 <&4]]
        table.insert(words, 1, fifo)
        result = support.run(support.concat({ "timeout", "-s", "KILL", "60", "sh", "-c", script, "sh" }, words))
        assert.same({ "0\n<svg", "" }, { result.out, result.err })
    end)

    for what, case in pairs { ["a folder that is missing"] = "/nowhere/map.svg", ["a full device"] = "/dev/full" } do
        it("to " .. what .. ": one line", function()
            local result = support.run_tiexec { "--svg", case, "--inspect", tostring(core.getpid()) }
            assert.equal(125, result.code)
            assert.truthy(failure.one_line(result):find(case, 1, true))
        end)
    end
end)

describe("a wrong use of --inspect: 125, one line", function()
    for _, words in ipairs { { "--inspect", "x" }, { "--inspect", "0" }, { "--inspect", "-1" }, { "--inspect", "1.5" },
        { "--inspect", "--" }, { "--inspect", "1", "2x" }, { "--inspect" }, { "--svg", "/dev/null", "--", ample },
        { "--inspect", "1", "2", "--svg", "/dev/null" }, { "-p", "x", ample },
        { "--json", ample }, { "--inspect", "1", "--format", "xml" }, { "--format", "json", ample },
        { "--inspect", "1", "--json", "--format", "prometheus" }, { "--inspect", "1", "--require", "0" } } do
        it(table.concat(words, " "), function()
            local result = support.run_tiexec(words)
            failure.not_started(result)
            assert.truthy(failure.one_line(result):find("tiexec --help", 1, true))
        end)
    end
end)
