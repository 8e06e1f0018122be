-- SPDX-License-Identifier: Apache-2.0
--- The file in which the prompt's history is kept.

local core = require "tiexec.core"

local history = {}

local MOST <const> = 1000 -- lines

local function is_own(folder)
    local stat = core.stat(folder)
    return stat ~= nil and stat.uid == core.host().uid
end

--- Finds the file: $XDG_STATE_HOME/tiexec/history, or ~/.local/state/tiexec/history.
-- @treturn ?string nil: there is no such folder, or it is another user's, as that of who has become
-- root without a home of root's
function history.path()
    if core.is_secure() then return nil end
    local state, home = os.getenv("XDG_STATE_HOME"), os.getenv("HOME")
    if state and state:sub(1, 1) == "/" then
        local nearest = state
        while not core.stat(nearest) do nearest = nearest:match("^(.*)/[^/]*$") or "" end
        return is_own(nearest) and state .. "/tiexec/history" or nil
    end
    if not home or home:sub(1, 1) ~= "/" or not is_own(home) then return nil end
    return home .. "/.local/state/tiexec/history"
end

--- Reads the history.
-- @treturn func adds a line to it, and to the file
function history.open()
    local path = history.path()
    if path then core.load_history(path, MOST) end
    return function(line)
        core.remember_line(line)
        if path then core.save_history(path) end
    end
end

return history
