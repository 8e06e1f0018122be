-- SPDX-License-Identifier: Apache-2.0
--- Chooses the settings of one executable: those of the command line and the environment, completed by its profile
-- and the defaults, and the strategy that they name.

local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"
local message = require "tiexec.base.message"
local profile = require "tiexec.plan.profile"
local settings = require "tiexec.plan.settings"
local sources = require "tiexec.sources"
local strategy = require "tiexec.plan.strategy"

local choice = {}

-- The page cache has only PMD-sized pages: for others nothing need be moved.
local function has_no_file_pages(chosen)
    return chosen["page-size"] ~= nil and chosen["page-size"] ~= core.huge_page_size()
end

-- A wrong profile is passed over with a line; with `strict` it is a reason not to start.
local function take_complaints(chosen, complaints)
    if #complaints > 0 and chosen.strict then
        chosen.wrong = complaints[1]
    else
        for _, complaint in ipairs(complaints) do message.say("%s", complaint) end
    end
end

-- What the strategy declares completes what the settings leave open.
local function take_declared(chosen)
    local definition = chosen.definition
    if chosen.align == nil then chosen.align = definition.align end
    chosen.names = chosen.sources or definition.sources or sources.default()
    if has_no_file_pages(chosen) then
        chosen.align = false
        chosen.names = chosen.sources or sources.of_any_size(chosen.names)
    end
end

--- The settings in force for an executable.
-- @tparam ?table executable `path`, as /proc has it; `file`, where it can be read. nil: it is not known which
-- @tparam Settings options those of the command line and the environment
-- @treturn Chosen
function choice.of_file(executable, options)
    local found, complaints = {}, {}
    if executable then found, complaints = profile.find(executable, options.profile) end
    local chosen = settings.merge(options, found, { strategy = strategy.default, debug = {} })
    chosen.executable = executable and executable.path
    chosen.definition, chosen.wrong = strategy.load(chosen.strategy)
    take_complaints(chosen, complaints)
    if chosen.definition then take_declared(chosen) end
    return chosen
end

--- The settings in force for the program that a process runs.
-- @param inferior or what `observed.open` gave
-- @string name of the program, where /proc does not tell its path
-- @tparam Settings options
-- @treturn Chosen
function choice.of(inferior, name, options)
    local exe = ("/proc/%d/exe"):format(inferior:pid())
    return choice.of_file({ path = core.readlink(exe) or name, file = exe }, options)
end

--- Loads ahead what these settings will need, unless a profile says otherwise.
-- @tparam Settings options
function choice.expect(options)
    strategy.load(options.strategy or strategy.default)
    local names = options.sources or sources.default()
    sources.get(names[1])
end

--- Does what can be done before the plan, and so while the inferior still runs: the host is described, as
-- `chosen.host`, and the first source is loaded.
-- @tparam Chosen chosen
function choice.prepare(chosen)
    if chosen.host or chosen.wrong then return end
    chosen.host = hosts.describe(chosen["page-size"])
    sources.get(chosen.names[1])
end

return choice
