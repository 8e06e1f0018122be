-- SPDX-License-Identifier: Apache-2.0
--- `--warm` gets the text of programs and of their libraries onto huge pages of the page cache,
-- ahead of any start, and starts nothing. Starts after that find huge pages there, with tiexec or
-- without.

local choice = require "tiexec.plan.choice"
local codes = require "tiexec.base.codes"
local core = require "tiexec.core"
local exit = require "tiexec.base.exit"
local files = require "tiexec.warm.files"
local filesystem = require "tiexec.harness.filesystem"
local holders = require "tiexec.harness.holders"
local images = require "tiexec.harness.images"
local message = require "tiexec.base.message"
local parts = require "tiexec.plan.parts"
local paths = require "tiexec.plan.paths"
local planner = require "tiexec.planner"
local recache = require "tiexec.sources.recache"
local show = require "tiexec.warm.show"

local warm = {}

local DEFAULT_STRATEGY <const> = "aggressive" -- for one of which it is not known how it rounds

-- What the settings say of a program's files: how its text is rounded, and whether what is cached
-- small may be dropped.
local function settings_of(path, given)
    local chosen = choice.of_file({ path = path, file = path }, given)
    if chosen.wrong then return nil, chosen.wrong end
    local name = chosen.definition.name
    return { strategy = parts.are_known(name) and name or DEFAULT_STRATEGY,
        recache = chosen.recache }
end

-- Says why a file stays small.
local function reason(row, result, host)
    if result.held then
        local who = holders.of(row.path, core.getpid())[1]
        return who and codes.words("mapped-small", holders.name(who))
            or codes.words("mapped-small-unseen")
    end
    local its = filesystem.of("", row.path, host)
    if result.why ~= codes.words("no-large-folios") or not its then return result.why end
    return its.why or not its.large_folios and codes.words("folios-unsupported", its.type)
        or codes.words("folios-unavailable")
end

-- Warms the parts of one file.
local function warm_parts(row, list, options, host)
    for _, part in ipairs(list) do
        local result, wrong = recache.warm(row.path, part, host.huge_page_size, options)
        row.bytes = row.bytes + (part.stop - part.start)
        if result then
            row.before, row.after = row.before + result.before, row.after + result.after
        end
        if not row.why and (wrong or result.why) then
            row.why = reason(row, result or { why = wrong }, host)
        end
    end
end

-- Does the work for one file. Gives a WarmRow; nil: it is a script, which has no text.
local function warm_file(file, options, host)
    local image = file.needs.image
    if not image then return nil end
    local row = { path = file.path, by = file.by, text = images.text_size(image),
        bytes = 0, before = 0, after = 0, parts = {} }
    if row.text >= planner.least_text(host) then
        row.parts = parts.all(image, options.strategy, host.huge_page_size)
    end
    warm_parts(row, row.parts, options, host)
    if row.bytes == 0 then row.why = codes.words("too-small") end
    return row
end

-- Does the work for one program and what it needs. Adds rows.
local function warm_program(list, path, given, host, rows)
    local first = #list + 1
    local ok, why = files.add(list, path)
    local options
    if ok then options, why = settings_of(core.realpath(path) or path, given) end
    if not options then
        rows[#rows + 1] = { path = path, text = 0, bytes = 0, before = 0, after = 0, parts = {},
            wrong = true, why = codes.words("no-program", why) }
        return
    end
    for i = first, #list do rows[#rows + 1] = warm_file(list[i], options, host) end
end

-- Holds what has become huge. Gives how many bytes.
local function hold(rows, huge)
    local keep, bytes = require "tiexec.warm.keep", 0
    for _, row in ipairs(rows) do
        if row.after > 0 then
            local why
            row.kept, why = keep.hold(row.path, row.parts, huge)
            bytes = bytes + row.kept
            if why then message.say("%s: %s", row.path, why) end
        end
    end
    return bytes
end

-- The programs in question, by their paths.
local function programs(given, names, by_profiles)
    local list, wrong = {}, {}
    if by_profiles then
        local profiles, complaints = { given.profile }, {}
        if not given.profile then profiles, complaints = paths.profiles() end
        local found, more = require "tiexec.warm.named".programs(profiles)
        table.move(more, 1, #more, #complaints + 1, complaints)
        for _, complaint in ipairs(complaints) do message.say("%s", complaint) end
        list = found
    end
    for _, name in ipairs(names) do
        local path, why = core.find(name)
        -- A library need not be executable.
        if not path and name:find("/", 1, true) and core.stat(name) then path = name end
        if path then list[#list + 1] = path else wrong[#wrong + 1] = why end
    end
    return list, wrong
end

local function is_done(rows)
    for _, row in ipairs(rows) do
        if row.wrong or row.after < row.bytes then return false end
    end
    return true
end

--- Runs `--warm`.
-- @tparam Settings given those of the command line and the environment, with `json`, and `keep`
-- @tparam table names list of programs, scripts or libraries
-- @bool by_profiles whether those that profiles name are meant, too
-- @treturn int exit status: 0; 1: some text stays small; 125 as base/exit.lua has it
function warm.run(given, names, by_profiles)
    local host, rows, list = core.host(), {}, files.list()
    if host.huge_page_size == 0 then
        message.say("--warm: this kernel has no huge pages")
        return exit.FAILED
    end
    local found, wrong = programs(given, names, by_profiles)
    for _, path in ipairs(found) do warm_program(list, path, given, host, rows) end
    for _, why in ipairs(wrong) do message.say("%s", why) end
    local held = given.keep and hold(rows, host.huge_page_size) or 0
    local ok, why = show.rows(rows, given, host.huge_page_size)
    if not ok then
        message.say("--warm: %s", why)
        return exit.FAILED
    end
    if held > 0 then require "tiexec.warm.keep".wait() end
    return #wrong == 0 and is_done(rows) and not given.keep and 0 or exit.INCOMPLETE
end

return warm
