-- SPDX-License-Identifier: Apache-2.0
--- Taking hold of a running process, for some milliseconds, and letting it go.

local core = require "tiexec.core"
local inferiors = require "tiexec.harness.inferiors"

local c = core.constants
local hold = {}

local STOP_MS <const> = 200 -- how long the threads that have stopped wait for one that does not
local PAUSE_MS <const> = 100 -- how long the process runs freely between two tries
local SECONDS <const> = 10 -- how long tries are begun

-- Makes one try. A process may become frozen at any moment.
local function try_once(pid)
    local frozen = require "tiexec.harness.frozen" -- a start lets go only
    local groups = frozen.groups(pid)
    local why = frozen.refusal(pid, groups)
    if why then return nil, why, c.EAGAIN end
    local inferior, started, errno = inferiors.attach(pid, STOP_MS)
    if not inferior then return nil, started, errno end
    why = frozen.refusal(pid, groups)
    if not why then return inferior, started end
    inferior:detach()
    inferior:close()
    return nil, why, c.EAGAIN
end

--- Attaches to a process and stops all its threads. A thread that waits for a child of vfork cannot
-- be stopped, but such a wait is mostly short. So several tries are made. Once the process is held,
-- no child of vfork shares its memory.
-- @int pid
-- @treturn[1] Inferior all threads are stopped
-- @treturn[1] number when that began: seconds, as `core.now` gives them
-- @treturn[2] nil, message, errno (ETIMEDOUT: some thread could not be stopped; EAGAIN: the process
-- is frozen)
function hold.attach(pid)
    local deadline = core.now() + SECONDS
    while true do
        local inferior, why, errno = try_once(pid)
        if inferior or errno ~= c.ETIMEDOUT or core.now() > deadline then
            return inferior, why, errno
        end
        core.pause(PAUSE_MS)
    end
end

--- Lets a process go. If that fails, the process would stand still for as long as this one lives:
-- then it is killed.
-- @tparam Inferior inferior
function hold.let_go(inferior)
    local ok, _, errno = inferior:detach()
    local is_left = not ok and errno ~= c.ESRCH
    if is_left and core.status(inferior:pid(), "TracerPid") == core.getpid() then
        inferior:kill()
    end
end

return hold
