-- SPDX-License-Identifier: Apache-2.0
--- Which programs the service is for: those whose profile says `service`. Profiles are read once,
-- and what they come to is noted by the program's path.

local core = require "tiexec.core"
local paths = require "tiexec.plan.paths"
local profile = require "tiexec.plan.profile"

local rules = {}

local MOST <const> = 4096 -- paths that are noted

-- The rules of all profiles:
-- items     list of what profile.read gives, in order
-- known     by path: an item, or false
-- by_file   whether some profile names a build-id: then the file counts, and not its path alone
-- count     how many profiles say `service`
local Rules = {}
Rules.__index = Rules

local function key_of(self, executable)
    if not self.by_file then return executable.path end
    local stat = core.stat(executable.file) or {}
    return ("%s %x %x"):format(executable.path, stat.inode or 0, stat.mtime or 0)
end

-- The first profile that names a program counts, as at a start.
local function find(self, executable)
    for _, item in ipairs(self.items) do
        if profile.matches(executable, item.match) then
            return item.settings.service and item or false
        end
    end
    return false
end

--- Finds the profile of a program, if that says `service`.
-- @tparam table executable `path`, its name, and `file`, a path where it can be read
-- @treturn ?table `settings`; nil: the service leaves the program alone
function Rules:find(executable)
    if self.count == 0 then return nil end
    local key = key_of(self, executable)
    if self.known[key] == nil then
        if self.noted >= MOST then self.known, self.noted = {}, 0 end
        self.known[key], self.noted = find(self, executable), self.noted + 1
    end
    return self.known[key] or nil
end

local function take(self, item)
    self.items[#self.items + 1] = item
    if item.settings.service then self.count = self.count + 1 end
    if item.match and item.match.build_id then self.by_file = true end
end

--- Reads all profiles. What is wrong with one concerns no other.
-- @tparam Settings given `profile`, a file to be read in place of them
-- @treturn Rules
-- @treturn table list of strings: what is wrong
function rules.read(given)
    local self = setmetatable({ items = {}, known = {}, noted = 0, count = 0 }, Rules)
    local files, complaints = { given.profile }, {}
    if not given.profile then files, complaints = paths.profiles() end
    for _, path in ipairs(files) do
        local items, why = profile.read(path)
        complaints[#complaints + 1] = why
        for _, item in ipairs(items or {}) do
            local wrong = item.wrong[1]
            if wrong then complaints[#complaints + 1] = ("%s: %s"):format(path, wrong) end
            if not wrong then take(self, item) end
        end
    end
    return self, complaints
end

return rules
