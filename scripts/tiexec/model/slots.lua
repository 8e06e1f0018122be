-- SPDX-License-Identifier: Apache-2.0
--- Which huge pages a program would have: it is started, its plan is made at its entry point, and
-- it is ended there.

local core = require "tiexec.core"
local exit = require "tiexec.base.exit"
local inferiors = require "tiexec.harness.inferiors"
local stages = require "tiexec.start.stages"

local c = core.constants
local slots = {}

local PAGE_BITS <const> = 12 -- of the model's small pages

-- The settings of a start that does nothing but plan, and is quiet about that.
local function dry(given, nowhere)
    local settings = {}
    for name, value in pairs(given) do settings[name] = value end
    settings["dry-run"], settings.quiet, settings.plan_file = true, true, nowhere
    settings.follow, settings.say = { none = true }, function() end
    return settings
end

-- What a process runs: of a script, its interpreter.
local function program_of(inferior)
    local argv = {}
    local line = core.read_file(("/proc/%d/cmdline"):format(inferior:pid())) or ""
    for word in line:gmatch("(%Z*)%z") do argv[#argv + 1] = word end
    return { path = core.readlink(("/proc/%d/exe"):format(inferior:pid())), argv = argv }
end

-- The text that an operation is for, which tells where its object lies.
local function text_of(operation, description)
    for _, mapping in ipairs(description.mappings) do
        if mapping.kind == "text" and mapping.start < operation.stop
            and operation.start < mapping.stop then return mapping end
    end
end

-- The huge pages of a plan: list of `start`, `stop`, and the `text` beside which they lie.
local function pages_of(outcome)
    local list = {}
    for _, operation in ipairs(outcome.operations) do
        local text = operation.op == "remap" and text_of(operation, outcome.description)
        local size = operation.page_size or outcome.host.huge_page_size
        for start = operation.start, text and operation.stop - 1 or 0, size do
            list[#list + 1] = { start = start, stop = start + size, text = text }
        end
    end
    return list
end

local function plan(inferior, name, given)
    local nowhere <close>, why = io.open("/dev/null", "w")
    if not nowhere then return nil, why end
    local run
    run, why = stages.to_entry(inferior, name, dry(given, nowhere))
    if type(why) == "table" then why = "it ended before its entry point" end
    if not run then return nil, why end
    if not run.outcome then return nil, run.failure or run.complaint or "it has no plan" end
    return pages_of(run.outcome)
end

--- Finds out which huge pages a command would have.
-- @tparam table argv
-- @tparam Settings given those of tiexec
-- @treturn[1] table list for `slots.placed`
-- @treturn[1] table what is run: `path` and `argv`
-- @treturn[2] nil, string why that cannot be told
-- @treturn[2] int an exit status
function slots.of(argv, given)
    local inferior <close>, why, errno = inferiors.launch { argv, stdin = false, stdout = false }
    if not inferior then
        return nil, why, errno == c.ENOENT and exit.NOT_FOUND
            or errno == c.EACCES and exit.CANNOT_EXECUTE or exit.FAILED
    end
    local program = program_of(inferior)
    local list, refused = plan(inferior, argv[1], given)
    inferior:kill()
    if list then return list, program end
    return nil, refused, exit.FAILED
end

-- How far another process has the object of a text from where it lies in this one; nil: nowhere.
local function distance(text, maps)
    local size = text.stop - text.start
    for _, m in ipairs(maps) do
        local ahead = text.offset - m.offset
        if m.path == text.path and not m.perms:find("w", 1, true) and ahead >= 0
            and ahead + size <= m.stop - m.start then
            return m.start + ahead - text.start
        end
    end
end

--- Says where huge pages lie in a process that has the same objects elsewhere.
-- @tparam table list of slots.of
-- @tparam table maps list of `start`, `stop`, `perms`, `offset`, `path`
-- @treturn table for core.tlb: numbers of pages of 4 KiB, two for each huge page
function slots.placed(list, maps)
    local found, flat = {}, {}
    for _, page in ipairs(list) do
        local apart = distance(page.text, maps)
        if apart then
            found[#found + 1] = { page.start + apart >> PAGE_BITS, page.stop + apart >> PAGE_BITS }
        end
    end
    table.sort(found, function(a, b) return a[1] < b[1] end)
    for _, page in ipairs(found) do table.move(page, 1, 2, #flat + 1, flat) end
    return flat
end

return slots
