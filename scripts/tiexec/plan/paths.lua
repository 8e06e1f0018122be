-- SPDX-License-Identifier: Apache-2.0
--- Where strategies and profiles lie.

local core = require "tiexec.core"

local paths = {}

--- Whether there is something at a path.
function paths.exists(path) return core.stat(path) ~= nil end

-- The folder of the user's own settings, or nil: no home.
local function user_folder()
    local config, home = os.getenv("XDG_CONFIG_HOME"), os.getenv("HOME")
    if config and config:sub(1, 1) == "/" then return config .. "/tiexec" end
    return home and home ~= "" and home .. "/.config/tiexec" or nil
end

local own -- once found; false: nowhere

-- The folder of the strategies that tiexec brings. In a build tree it lies beside the modules, where it is
-- installed among them.
local function own_strategies()
    for _, name in ipairs { "tiexec.strategies.none", "strategies.none" } do
        local path = own == nil and package.searchpath(name, package.path)
        if path then own = path:match("^(.*)/[^/]*$") end
    end
    own = own or false
    return own or nil
end

--- Whether a strategy's file is one that tiexec brings.
function paths.is_own(path)
    return path:match("^(.*)/[^/]*$") == own_strategies()
end

--- Folders to look in for `what` ("strategies", "profiles.d"): the user's, the host's, tiexec's own.
function paths.folders(what)
    local list = { "/etc/tiexec/" .. what }
    local user = user_folder()
    if user then table.insert(list, 1, user .. "/" .. what) end
    if what == "strategies" then list[#list + 1] = own_strategies() end
    return list
end

return paths
