-- SPDX-License-Identifier: Apache-2.0
--- Taking hold of a process that runs, for some milliseconds.

local core = require "tiexec.core"
local inferiors = require "tiexec.harness.inferiors"

local c = core.constants
local hold = {}

local STOP_MS <const> = 200 -- how long threads that did stop wait for one that does not
local PAUSE_MS <const> = 100 -- between two tries the process runs freely
local TRIES <const> = 35 -- ten seconds in all

--- Attaches to a process. A thread that waits for a child of vfork cannot be stopped, and has the same memory as
-- that child: so there is none such once the process is held. Such a wait is mostly short; so more than one try
-- is made.
-- @int pid
-- @treturn[1] inferior all its threads are stopped
-- @treturn[2] nil, message, errno
function hold.attach(pid)
    local inferior, why, errno
    for try = 1, TRIES do
        if try > 1 then core.pause(PAUSE_MS) end
        inferior, why, errno = inferiors.attach(pid, STOP_MS)
        if inferior or errno ~= c.ETIMEDOUT then break end
    end
    return inferior, why, errno
end

return hold
