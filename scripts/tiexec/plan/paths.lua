-- SPDX-License-Identifier: Apache-2.0
--- Finds the folders of strategies and profiles, and the files of profiles.

local core = require "tiexec.core"

local paths = {}

--- Whether there is a file or folder at a path.
function paths.exists(path) return core.stat(path) ~= nil end

-- The folder of the user's own settings, or nil if the user has no home, or if this program has
-- other rights than its caller: then the caller's environment does not count.
local function user_folder()
    if core.is_secure() then return nil end
    local config, home = os.getenv("XDG_CONFIG_HOME"), os.getenv("HOME")
    if config and config:sub(1, 1) == "/" then return config .. "/tiexec" end
    return home and home ~= "" and home .. "/.config/tiexec" or nil
end

-- The folders in which tiexec's own files may be. The program knows them. The module for lua5.4 has
-- them where this file is.
local function homes()
    local known = rawget(package, "tiexec")
    if known then return known end
    local here = debug.getinfo(1, "S").source:match("^@(.-)/?tiexec/plan/paths%.lua$")
    return { here == "" and "." or here }
end

-- Whether a folder belongs to this user, to root, or to the owner of the program.
local function is_trusted(stat)
    local program = core.stat("/proc/self/exe") or stat
    return stat.uid == 0 or stat.uid == core.host().uid or stat.uid == program.uid
end

local own -- the folder of tiexec's own strategies, once it was looked for; false if there is none

--- The folder of tiexec's own strategies, or nil. In a source tree the folder lies beside the
-- modules; an installation has it among them.
function paths.own_strategies()
    if own ~= nil then return own or nil end
    own = false
    for _, home in ipairs(homes()) do
        for _, folder in ipairs { home .. "/tiexec/strategies", home .. "/strategies" } do
            local stat = not own and core.stat(folder .. "/none.lua")
            if stat and is_trusted(stat) then own = folder end
        end
    end
    return own or nil
end

--- Whether the file of a strategy is one of tiexec's own: the very file, whatever its path.
-- @string path
-- @treturn ?string the path by which it is to be opened; nil: it is none of them
function paths.own(path)
    local folder, name = paths.own_strategies(), path:match("[^/]*$")
    if not folder then return nil end
    local file = folder .. "/" .. name
    local one, other = core.stat(path), core.stat(file)
    if not one or not other then return nil end
    return one.device == other.device and one.inode == other.inode and file or nil
end

--- The folders to look in, in order: the user's, and the host's.
-- @string what "strategies" or "profiles.d"
-- @treturn table list of paths, some of which may not exist
function paths.folders(what)
    local list = { "/etc/tiexec/" .. what }
    local user = user_folder()
    if user then table.insert(list, 1, user .. "/" .. what) end
    return list
end

--- The files of profiles, the user's before the host's.
-- @treturn table list of paths
-- @treturn table list of strings: complaints about folders that cannot be trusted
function paths.profiles()
    local list, complaints = {}, {}
    for _, folder in ipairs(paths.folders("profiles.d")) do
        local names = core.list_folder(folder) or {}
        local why = #names > 0 and core.distrust(folder)
        if why then
            complaints[#complaints + 1] = ("%s: not used, as root: %s"):format(folder, why)
        end
        for _, name in ipairs(why and {} or names) do
            if name:find("%.lua$") then list[#list + 1] = folder .. "/" .. name end
        end
    end
    return list, complaints
end

return paths
