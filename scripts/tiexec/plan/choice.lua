-- SPDX-License-Identifier: Apache-2.0
--- Chooses the settings that are in force for one executable: the settings that the command line
-- and the environment give, completed by the executable's profile, tiexec.conf, the strategy and
-- the defaults.

local core = require "tiexec.core"
local hosts = require "tiexec.harness.hosts"
local message = require "tiexec.base.message"
local paths = require "tiexec.plan.paths"
local settings = require "tiexec.plan.settings"
local sources = require "tiexec.sources"
local strategy = require "tiexec.plan.strategy"

local choice = {}

-- The page cache has huge pages of the PMD's size alone. With another size no executable need be
-- moved to a congruent base.
local function excludes_file_pages(chosen)
    return chosen["page-size"] ~= nil and chosen["page-size"] ~= core.huge_page_size()
end

-- Profiles with errors are passed over, with one line for each; with `strict` the first of them is
-- the reason not to start the program. So are those of which is not known for which programs they
-- are, but they keep none from being started; and those of other programs, which only `verbose`
-- tells of.
local function report_complaints(chosen, complaints)
    local say = chosen.say or message.say
    if complaints[1] and chosen.strict then chosen.wrong = complaints[1] end
    if chosen.quiet then return end
    for _, line in ipairs(chosen.wrong and {} or complaints) do say("%s", line) end
    for _, line in ipairs(complaints.unclear or {}) do say("%s", line) end
    for _, line in ipairs(chosen.verbose and complaints.elsewhere or {}) do say("%s", line) end
end

-- Finds the settings of an executable's profile, and complaints about profiles: a list of strings;
-- in `unclear` those of which is not known whether they are about the executable, in `elsewhere`
-- those that are not.
local function settings_of_profile(executable, given)
    if not executable or given.profile == false then return {}, {} end
    local files, complaints = { given.profile }, {}
    if not given.profile then files, complaints = paths.profiles() end
    if #files == 0 then return {}, complaints end -- as on most hosts
    complaints.unclear, complaints.elsewhere = {}, {}
    local function complain(line, is_about)
        local list = complaints
        if not given.profile and not is_about then
            list = is_about == nil and complaints.unclear or complaints.elsewhere
        end
        list[#list + 1] = line
    end
    return require "tiexec.plan.profile".find(executable, files, complain), complaints
end

-- Completes the settings with what the strategy declares.
local function complete_by_strategy(chosen)
    local definition = chosen.definition
    local why
    chosen.parameters, why = strategy.complete(definition, chosen.parameters)
    chosen.wrong = chosen.wrong or why
    if chosen.align == nil then chosen.align = definition.align end
    chosen.recache = chosen.recache or definition.recache
    chosen.names = chosen.sources or definition.sources or sources.default()
    if excludes_file_pages(chosen) then
        chosen.align = false
        chosen.names = chosen.sources or sources.of_any_size(chosen.names)
    end
end

--- Chooses the settings for an executable. What is wrong with the strategy or, with `strict`, with
-- a profile is in the field `wrong` of the result.
-- @tparam ?table executable `path`, which profiles match, and `file`, a path where the file can
-- be read; nil if it is not known which executable it is
-- @tparam Settings given the settings of the command line and the environment
-- @treturn Chosen
function choice.of_file(executable, given)
    local found, complaints = settings_of_profile(executable, given)
    local defaults, wrong = settings.from_conf()
    table.move(wrong, 1, #wrong, #complaints + 1, complaints)
    local last = { strategy = strategy.default, debug = {} }
    local chosen = settings.merge(given, found, defaults, last)
    chosen.executable = executable and executable.path
    chosen.definition, chosen.wrong = strategy.load(chosen.strategy)
    report_complaints(chosen, complaints)
    if chosen.definition then complete_by_strategy(chosen) end
    if executable and chosen.definition and chosen.definition.recordings then
        local image = core.image(executable.file)
        chosen.build_id = image and image.build_id
    end
    return chosen
end

--- Chooses the settings for the program that a process runs.
-- @tparam Inferior|Observed inferior
-- @string name the program's name, for the case that /proc does not tell its path
-- @tparam Settings given the settings of the command line and the environment
-- @treturn Chosen
function choice.of(inferior, name, given)
    local exe = ("/proc/%d/exe"):format(inferior:pid())
    return choice.of_file({ path = core.readlink(exe) or name, file = exe }, given)
end

--- Loads the strategy ahead of time. A profile may still choose another.
-- @tparam Settings given the settings of the command line and the environment
function choice.preload(given) strategy.load(given.strategy or strategy.default) end

-- Reads the recording of the executable, for a strategy that declares that it wants it.
local function read_recording(chosen)
    local recordings = require "tiexec.plan.recordings"
    local path = (chosen.parameters or {}).file or chosen.recording
    local why = "it acts as without a recording, as there is none (tiexec --record CMD makes one)"
    if not path and chosen.build_id then path = recordings.find(chosen.build_id) end
    if path then chosen.recorded, why = recordings.read(path) end
    local recorded = chosen.recorded
    if recorded and recorded.build_id and recorded.build_id ~= chosen.build_id then
        chosen.recorded, why = nil, path .. " is of another build of it"
    end
    if not chosen.recorded then
        message.say("%s: strategy %s: %s", chosen.executable or "?", chosen.strategy, why)
    end
end

--- Does the work that needs no stopped inferior: describes the host, in `chosen.host`, and reads
-- the executable's recording if the strategy wants it. Does nothing where that is done already.
-- @tparam Chosen chosen
function choice.prepare(chosen)
    if chosen.host or chosen.wrong then return end
    chosen.host = hosts.describe(chosen["page-size"])
    if chosen.definition.recordings then read_recording(chosen) end
end

--- Does the same, and reads and loads whatever else may be needed, for an inferior during whose
-- stop no file may be opened.
-- @tparam Chosen chosen
function choice.prepare_for_stop(chosen)
    choice.prepare(chosen)
    if chosen.wrong then return end
    strategy.keep(chosen.definition)
    for _, name in ipairs(chosen.names) do sources.get(name) end
end

return choice
