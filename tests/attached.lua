-- SPDX-License-Identifier: Apache-2.0
-- A program with 64 threads, each of them in the midst of something (tests/programs/waiting.c), for the specs that
-- attach to it.

local support = require "support"

local attached = {}

local Busy = {}
Busy.__index = Busy

function Busy:__close()
    getmetatable(self.process).__close(self.process)
    getmetatable(self.folder).__close(self.folder)
end

--- Starts it, by itself or behind `words`, and waits until it is at work. To be closed; `pid`.
function attached.start(words)
    local folder = support.folder()
    local output = folder.path .. "/out"
    local command = table.move(words or {}, 1, #(words or {}), 1, {})
    command[#command + 1] = support.programs .. "waiting"
    local process = support.start(command, (">%s 2>&1 </dev/null"):format(output))
    assert(support.wait_for(function() return (support.read_file(output) or ""):find("ready\n", 1, true) end))
    return setmetatable({ folder = folder, output = output, process = process, pid = process.pid }, Busy)
end

--- Ends it. Returns its exit status, 0 if every system call did what it must, and what it said.
function Busy:finish()
    local code = self.process:stop("TERM")
    return code, support.read_file(self.output)
end

--- Runs tiexec with an option on the process, and further words before.
function Busy:tiexec(option, words)
    return support.run_tiexec(table.move({ option, tostring(self.pid) }, 1, 2, #(words or {}) + 1, words or {}))
end

--- Its mappings as /proc/PID/maps writes them.
function Busy:maps() return support.read_file(("/proc/%d/maps"):format(self.pid)) end

return attached
