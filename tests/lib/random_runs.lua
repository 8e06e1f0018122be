-- SPDX-License-Identifier: Apache-2.0
-- One run of random calls (tests/lib/random_script.lua), and what must be true when the script has ended: no process
-- is traced or stopped, no trap is in its text, no debug register is armed, and each program ends as if nobody had
-- been there.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local runs = {}

local LIMIT <const> = 60 -- seconds for the script
local errands <const> = support.programs .. "errands"

-- Which errands, and by how many threads.
local kinds <const> = { "cs 1", "c 4", "csw 2", "cgw 3", "csgw 2", "cwf 2", "cwv 2", "cwt 2", "cgswft 3", "cwx 2",
    "csgwfvt 2", "csgwfvtx 2" }

-- Bytes of a file.
local function part(path, offset, size)
    local file <close> = assert(io.open(path, "rb"))
    file:seek("set", offset)
    return file:read(size)
end

-- Where the text of a process differs from its files, or nil.
local function changed_text(pid)
    for _, m in ipairs(core.mappings(pid) or {}) do
        if m.perms:find("x") and m.inode ~= 0 then
            local there = support.memory_of(pid, m.start, m.stop - m.start)
            local here = part(m.path, m.offset, m.stop - m.start)
            if there and there:sub(1, #here) ~= here then return ("%s at %#x"):format(m.path, m.start) end
        end
    end
end

-- What is wrong with a process that lives on, or nil.
local function examine(pid)
    if core.status(pid, "TracerPid") ~= 0 then return "it is traced" end
    for state in support.shell(("cat /proc/%d/task/*/stat 2>/dev/null"):format(pid)).out:gmatch("%) (%a)") do
        if state:find("[tT]") then return "a thread is stopped" end
    end
    local text = changed_text(pid)
    if text then return "its text is changed: " .. text end
    local armed = support.run { support.programs .. "armed", tostring(pid) }.out
    if armed:find("^%d+\n") then return "a debug register is armed: " .. armed end
end

-- The living children of a process that run errands.
local function children(pid)
    local list = {}
    for id in (support.read_file(("/proc/%d/task/%d/children"):format(pid, pid)) or ""):gmatch("%d+") do
        if core.readlink(("/proc/%s/exe"):format(id)) == core.realpath(errands) then
            list[#list + 1] = math.tointeger(id)
        end
    end
    return list
end

-- What the script's log says: a fault, and how programs have ended that it has seen the end of.
local function judge_log(folder, complain)
    local log = support.read_file(folder .. "/log") or ""
    local fault = log:match("fault: (.*)\nends by") or log:match("fault: (.*)")
    if fault then complain(fault) end
    if not log:find("\nends by ") then complain("the script has not come to its end") end
    for how, number in log:gmatch("\nend %d+ (%a+) (%d+)") do
        complain(("told of an end: %s %s"):format(how, number))
    end
    return log
end

-- Children are told of, too, if their parent has become another program before it has collected them.
local function judge_ends(folder, told, kind, complain)
    for how, number in told:gmatch("%d+ other (%a+) (%d+)\n") do
        local is_child = kind:find("x") and (number == "0" or #number == 3)
        if how ~= "exit" or (number ~= "7" and not is_child) then
            complain(("a program has ended by %s %s"):format(how, number))
        end
    end
    for path in support.shell("ls " .. folder .. "/out.*").out:gmatch("%S+") do
        local text = support.read_file(path)
        if text ~= "right\n" then complain("a program says: " .. text) end
    end
end

--- Runs one seed with so many calls. Gives nil if all is right, or what is not, and the log.
-- @tparam[opt] table options `sanitized`
function runs.one(seed, calls)
    local folder <close> = support.folder()
    local path, faults = folder.path, {}
    local function complain(what) faults[#faults + 1] = what end
    local kind = kinds[seed % #kinds + 1]
    support.write_file(path .. "/jobs", kind .. "\n")
    local script = support.quote { "timeout", "-k", "3", tostring(LIMIT * support.patience), support.tiexec,
        "--script", "tests/lib/random_script.lua", tostring(seed), tostring(calls), path }
    local command
    if seed % 2 == 0 then
        command = ("%s %s %s/end >%s/out.0 & exec %s $!"):format(support.quote { errands }, kind, path, path, script)
    else
        command = "exec " .. script
    end
    local reaper <close> = support.start({ support.programs .. "reaper", "sh", "-c",
        ("%s 2>%s/err"):format(command, path) }, ">" .. path .. "/told")
    local function told() return support.read_file(path .. "/told") or "" end
    local main = support.wait_for(function() return told():match("main (%a+ %d+)\n") end, 2 * LIMIT)
    if not main or main == "exit 124" or main == "exit 137" then complain("the script hangs") end
    local killed = { ["exit 130"] = true, ["exit 143"] = true, ["exit 0"] = true, ["exit 1"] = true, ["exit 3"] = true,
        ["signal 2"] = true, ["signal 15"] = true }
    if main and not killed[main] then complain("the script has ended by " .. main) end
    local pids = children(reaper.pid)
    for _, pid in ipairs(pids) do
        local ok, what = pcall(examine, pid)
        if (not ok or what) and core.status(pid, "VmSize") then complain(what) end -- else it has ended
    end
    support.write_file(path .. "/end", "")
    if not support.wait_for(function() return not reaper:is_alive() end) then
        complain("programs hang: " .. support.shell("pstree -p " .. reaper.pid).out)
        os.execute("pkill -KILL -P " .. reaper.pid)
    end
    local log = judge_log(path, complain)
    judge_ends(path, told(), kind, complain)
    if #faults == 0 then return nil end
    return table.concat(faults, "\n"), log, support.read_file(path .. "/err") .. told()
end

return runs
