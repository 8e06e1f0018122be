-- SPDX-License-Identifier: Apache-2.0
--- Runs CMD as another user: the options `--user USER[:GROUP]` and `--login`.

local core = require "tiexec.core"

local c = core.constants
local user = {}

local TRIAL_MS <const> = 20000 -- to look up the user, which may take a server on the network

local function explain(why, errno)
    local hint = errno == c.EPERM and " (only root may become another user)" or ""
    return "--user " .. why .. hint
end

--- Has this process become the user that the settings name, if they name one. This step cannot be
-- undone.
-- @tparam Settings given `user`, `login`
-- @treturn[1] boolean true
-- @treturn[2] nil, string why not; this process may have lost some rights by then, so it must end
function user.become(given)
    if not given.user then return true end
    local ok, why, errno = core.become_user(given.user, given.login)
    if not ok then return nil, explain(why, errno) end
    return true
end

-- Finds a command in a forked copy of this process that has become the user. The copy's answer is a
-- string: 0 and the path, or errno and a message.
local function find_as_user(name, given)
    local answer, why, no_copy = core.trial(function()
        local ok, refused = user.become(given)
        if not ok then error(refused, 0) end
        local path, unknown, errno = core.find(name)
        return path and "0 " .. path or ("%d %s"):format(errno, unknown)
    end, TRIAL_MS)
    if no_copy then return core.find(name) end -- there are too many processes: with other rights
    if not answer then return nil, why end
    local errno, text = answer:match("^(%d+) (.*)$")
    errno = math.tointeger(errno)
    if errno == 0 then return text end
    return nil, text, errno
end

--- Finds a command in PATH, with the rights of the user who is to run it.
-- @string name of the command, or its path
-- @tparam Settings given `user`, `login`
-- @treturn[1] string path
-- @treturn[2] nil, message, errno; errno is nil if this process cannot become the user
function user.find(name, given)
    if not given.user then return core.find(name) end
    return find_as_user(name, given)
end

return user
