-- SPDX-License-Identifier: Apache-2.0
-- Families that tiexec watches without tracing them, seen from outside.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local watched = {}

local function program_of(pid) return (core.readlink(("/proc/%d/exe"):format(pid)) or ""):match("[^/]*$") end

--- The processes of tiexec's that have a mark in their environment, but the one that is to become CMD.
-- @string mark
-- @int but
-- @treturn table list of process ids
function watched.watchers(mark, but)
    local list = {}
    for _, pid in ipairs(support.processes_with("WATCHED", mark)) do
        if pid ~= but and program_of(pid) == "tiexec" then list[#list + 1] = pid end
    end
    return list
end

--- Whether a process has events of perf open.
function watched.has_events(pid)
    for _, name in ipairs(core.list_folder(("/proc/%d/fd"):format(pid)) or {}) do
        local link = core.readlink(("/proc/%d/fd/%s"):format(pid, name)) or ""
        if link:find("perf_event", 1, true) then return true end
    end
    return false
end

--- Starts words under tiexec, and waits until they are watched: nobody traces them, and the events are open. It has
-- `watcher`, the process that watches; `send` writes a line to their standard input; `out` and `err` give what they
-- have written; `ends` waits for the end of all.
-- @tparam table words
-- @tparam ?table given `options` of tiexec's (else --follow=auto), and `prefix`, words that start tiexec
function watched.start(words, given)
    given = given or {}
    local folder, mark = support.folder(), support.mark()
    os.execute(("chmod 755 %s; mkfifo -m 666 %s/in"):format(folder.path, folder.path))
    local all = support.concat({ "env", "WATCHED=" .. mark }, given.prefix, { given.tiexec or support.tiexec },
        given.options or { "--follow=auto" }, words)
    local process = support.start(all, ("<>%s/in >%s/out 2>%s/err"):format(folder.path, folder.path, folder.path))
    local self = setmetatable({ pid = process.pid, process = process, mark = mark }, { __close = function()
        getmetatable(process).__close(process)
        for _, pid in ipairs(support.processes_with("WATCHED", mark)) do os.execute("kill -KILL " .. pid) end
        getmetatable(folder).__close()
    end })
    function self.out() return support.read_file(folder.path .. "/out") or "" end
    function self.err() return support.read_file(folder.path .. "/err") or "" end
    function self.send()
        local pipe <close> = assert(io.open(folder.path .. "/in", "w"))
        pipe:write("\n")
    end
    function self.expect(line, n)
        return assert(support.wait_for(function()
            local _, count = self.out():gsub("%f[%w]" .. line .. "\n", "")
            return count >= (n or 1)
        end), line .. "\n" .. self.out() .. self.err())
    end
    function self.ends()
        return support.wait_for(function() return #support.processes_with("WATCHED", mark) == 0 end)
    end
    local stands = given.unwatched or support.wait_for(function()
        self.watcher = watched.watchers(mark, process.pid)[1]
        return self.watcher and watched.has_events(self.watcher)
            and (core.status(process.pid, "TracerPid") or 0) == 0
    end)
    if stands then return self end
    local said <const> = self.err()
    getmetatable(self).__close()
    error("it is not watched: " .. said)
end

--- A member of the family that runs a program: its process id, once there is one.
function watched.find(family, program)
    return support.wait_for(function()
        for _, pid in ipairs(support.processes_with("WATCHED", family.mark)) do
            if program_of(pid) == program then return pid end
        end
    end)
end

--- Waits until a process has so much text on huge pages, and nobody traces it.
function watched.becomes_huge(pid, bytes)
    return support.wait_for(function()
        return support.huge_text(pid) >= bytes and core.status(pid, "TracerPid") == 0
    end)
end

return watched
