-- SPDX-License-Identifier: Apache-2.0
--- CMD as another user: `--user USER[:GROUP]`, `--login`.

local core = require "tiexec.core"

local c = core.constants
local user = {}

local TRIAL_MS <const> = 20000 -- passwd may be on the network

local function explain(why, errno)
    if errno == c.EPERM then return ("--user %s (only root may become another user)"):format(why) end
    return "--user " .. why
end

--- Becomes the user that the options name, if they do. It cannot be undone.
-- @tparam table options `user`, `login`
-- @treturn[1] boolean true
-- @treturn[2] nil, string why not: then this process must end
function user.become(options)
    if not options.user then return true end
    local ok, why, errno = core.become_user(options.user, options.login)
    if not ok then return nil, explain(why, errno) end
    return true
end

-- In a copy of this process, which gives the answer in a string.
local function find_as_user(name, options)
    local answer, why = core.trial(function()
        local ok, refused = user.become(options)
        if not ok then error(refused, 0) end
        local path, unknown, errno = core.find(name)
        return path and "0 " .. path or ("%d %s"):format(errno, unknown)
    end, TRIAL_MS)
    if not answer then return nil, why end
    local errno, text = answer:match("^(%d+) (.*)$")
    errno = math.tointeger(errno)
    if errno == 0 then return text end
    return nil, text, errno
end

--- Finds a command, as the user who is to run it: in PATH, by that user's rights.
-- @string name
-- @tparam table options `user`
-- @treturn[1] string path
-- @treturn[2] nil, string why, errno: none if this user cannot be had
function user.find(name, options)
    if not options.user then return core.find(name) end
    return find_as_user(name, options)
end

return user
