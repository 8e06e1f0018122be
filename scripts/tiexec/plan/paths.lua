-- SPDX-License-Identifier: Apache-2.0
--- Finds the folders of strategies and profiles.

local core = require "tiexec.core"

local paths = {}

--- Whether there is a file or folder at a path.
function paths.exists(path) return core.stat(path) ~= nil end

-- The folder of the user's own settings, or nil if the user has no home.
local function user_folder()
    local config, home = os.getenv("XDG_CONFIG_HOME"), os.getenv("HOME")
    if config and config:sub(1, 1) == "/" then return config .. "/tiexec" end
    return home and home ~= "" and home .. "/.config/tiexec" or nil
end

local own -- the folder of tiexec's own strategies, once it was looked for; false if there is none

-- The folder of tiexec's own strategies, or nil. In a source tree the folder lies beside the
-- modules; an installation has it among them.
local function own_strategies()
    for _, name in ipairs { "tiexec.strategies.none", "strategies.none" } do
        local path = own == nil and package.searchpath(name, package.path)
        if path then own = path:match("^(.*)/[^/]*$") end
    end
    own = own or false
    return own or nil
end

--- Whether the file of a strategy is one of tiexec's own.
-- @string path
function paths.is_own(path)
    return path:match("^(.*)/[^/]*$") == own_strategies()
end

--- The folders to look in, in order: the user's, the host's and, for strategies, tiexec's own.
-- @string what "strategies" or "profiles.d"
-- @treturn table list of paths, some of which may not exist
function paths.folders(what)
    local list = { "/etc/tiexec/" .. what }
    local user = user_folder()
    if user then table.insert(list, 1, user .. "/" .. what) end
    if what == "strategies" then list[#list + 1] = own_strategies() end
    return list
end

return paths
