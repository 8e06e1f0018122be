-- SPDX-License-Identifier: Apache-2.0
--- Surveys a process: what text it has, on which pages, and why the rest is not huge.

local choice = require "tiexec.plan.choice"
local codes = require "tiexec.base.codes"
local count = require "tiexec.show.count"
local descriptions = require "tiexec.plan.descriptions"
local json = require "tiexec.show.json"
local pictures = require "tiexec.inspect.pictures"
local plan = require "tiexec.plan"
local reasons = require "tiexec.inspect.reasons"
local text = require "tiexec.base.text"
local texts = require "tiexec.inspect.texts"

local survey = {}

local Survey = {}
Survey.__index = Survey

local function no_operations() return {} end

-- Makes the plan of a start, with the settings that the start would have.
local function make_plan(self, options)
    local chosen = choice.of(self.observed, self.name, options)
    if chosen.wrong then return nil, chosen.wrong end
    choice.prepare(chosen)
    self.strategy, self.sources, self.profile = chosen.definition.name, chosen.names, chosen.profile
    self.align, self.host = chosen.align, chosen.host
    self.operations, self.refused, self.page_sizes = {}, {}, {}
    self.second_plan = no_operations
    if self.host.huge_page_size == 0 then return true end
    local operations, refused, second = plan.make(self.description, chosen)
    if not operations then return nil, refused end
    self.operations, self.refused = operations, refused
    self.page_sizes = count.sizes(self.host, operations)
    local known -- many rows ask for it
    function self.second_plan()
        known = known or second({})
        return known
    end
    return true
end

local function add_row(totals, row)
    totals.bytes, totals.resident = totals.bytes + row.size, totals.resident + row.rss
    totals.huge_bytes = totals.huge_bytes + row.huge_bytes
    for _, some in ipairs(row.pages) do
        local kind = some.from == "small" and "small_pages" or "huge_pages"
        totals[kind] = totals[kind] + some.count
    end
end

-- Sums up the text of files. Memory for which code is generated is told of apart.
local function totals_of(rows)
    local totals = { bytes = 0, huge_bytes = 0, resident = 0, generated = 0, huge_pages = 0,
        small_pages = 0 }
    for _, row in ipairs(rows) do
        if texts.is_of_file(row) then
            add_row(totals, row)
        elseif row.object == "" then
            totals.generated = totals.generated + row.rss
        end
    end
    return totals
end

--- Surveys a process.
-- @tparam Observed observed
-- @string[opt] name by which the process is to be called; by default the kernel's name for it
-- @tparam Settings options those of the command line and the environment
-- @treturn[1] Survey
-- @treturn[2] nil, string why the process cannot be surveyed
function survey.make(observed, name, options)
    local self = setmetatable({ observed = observed, name = name or observed.name }, Survey)
    local mappings, why = observed:mappings(true)
    if not mappings then return nil, why end
    self.description, why = descriptions.of(observed, "entry")
    if not self.description then return nil, why end
    local ok
    ok, why = make_plan(self, options)
    if not ok then return nil, why end
    self.rows = texts.of(self, mappings)
    if #self.rows == 0 then return nil, "it has no text: it has just ended" end
    self.is_treated = reasons.is_treated(self)
    self.action = reasons.action(self)
    for _, row in ipairs(self.rows) do row.why, row.advice = reasons.of(self, row) end
    self.pictures, self.totals = pictures.of(self), totals_of(self.rows)
    return self
end

--- Says how much of the text is huge.
-- @treturn string a line without its end
function Survey:summary()
    local totals = self.totals
    local generated = totals.generated > 0
        and (", and %s of generated code"):format(text.size(totals.generated)) or ""
    return ("%s of %s of text on huge pages, %.1f %%: %d huge and %s%s"):format(
        text.size(totals.huge_bytes), text.size(totals.bytes),
        100 * totals.huge_bytes / math.max(totals.bytes, 1), totals.huge_pages,
        text.count(totals.small_pages, "small page"), generated)
end

local function plain_rows(self)
    local list, hex, array = {}, text.hex, json.array
    for i, row in ipairs(self.rows) do
        list[i] = { object = row.object, mapped = row.path, start = hex(row.start),
            stop = hex(row.stop), bytes = row.size, resident = row.rss, perms = row.perms,
            huge_bytes = row.huge_bytes, from = row.from, pages = array(row.pages),
            why = array(row.why), codes = array(codes.list(row.why)), advice = row.advice,
            action = row.advice and self.action or nil }
    end
    return array(list)
end

local function plain_pictures(list)
    local result = {}
    for i, picture in ipairs(list) do
        local letters = {}
        for n, slot in ipairs(picture.slots) do letters[n] = slot.letter end
        result[i] = { object = picture.object, start = text.hex(picture.start),
            slots = table.concat(letters) }
    end
    return json.array(result)
end

--- Gives the survey as JSON has it.
-- @treturn table for `json.write`
function Survey:plain()
    local host = self.host
    return {
        pid = self.observed:pid(), name = self.name, executable = self.observed.executable,
        strategy = self.strategy, sources = json.array(self.sources), profile = self.profile,
        kernel = host.kernel, page_size = host.page_size, huge_page_size = host.huge_page_size,
        mappings = plain_rows(self), pictures = plain_pictures(self.pictures),
        totals = self.totals,
    }
end

return survey
