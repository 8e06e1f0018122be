-- SPDX-License-Identifier: Apache-2.0
--- The programs that profiles name, as far as they are on this host.

local core = require "tiexec.core"
local profile = require "tiexec.plan.profile"

local named = {}

-- Lists the paths that match a pattern, folder by folder, as a shell does it.
local function expand(pattern)
    local list = { "" }
    for word in pattern:gmatch("[^/]+") do
        local longer = {}
        for _, folder in ipairs(list) do
            local names = word:find("[*?%[]") and core.list_folder(folder .. "/") or { word }
            for _, name in ipairs(names) do
                local path = folder .. "/" .. name
                if core.fnmatch(word, name) and core.stat(path) then longer[#longer + 1] = path end
            end
        end
        list = longer
    end
    return list
end

-- The programs that one profile names. One without a name, for every program, names none.
local function programs_of(match)
    if match.path then return { match.path } end
    if match.glob then return expand(match.glob) end
    return match.basename and { core.find(match.basename) } or {}
end

--- Lists the programs that profiles name by a path, a pattern, or a name that PATH leads to.
-- @tparam table paths list of paths of files with profiles
-- @treturn table list of paths that exist
-- @treturn table list of strings: what is wrong with profiles
function named.programs(paths)
    local list, complaints = {}, {}
    for _, path in ipairs(paths) do
        local items, why = profile.read(path)
        complaints[#complaints + 1] = why
        for _, item in ipairs(items or {}) do
            local wrong = item.wrong[1]
            if wrong then complaints[#complaints + 1] = ("%s: %s"):format(path, wrong) end
            for _, program in ipairs(wrong and {} or programs_of(item.match or {})) do
                if core.stat(program) then list[#list + 1] = program end
            end
        end
    end
    return list, complaints
end

return named
