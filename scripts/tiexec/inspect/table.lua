-- SPDX-License-Identifier: Apache-2.0
--- Shows a survey to people: as a table, and as pictures made of letters.

local columns = require "tiexec.show.columns"
local reasons = require "tiexec.inspect.reasons"
local terminal = require "tiexec.base.terminal"
local text = require "tiexec.base.text"

local survey_table = {}

local STANDARD_OUTPUT <const> = 1
local WIDE <const> = 120 -- columns: in fewer a line has half as many huge pages
local colours <const> = { F = "green", S = "cyan", T = "blue", H = "magenta", ["."] = "yellow",
    _ = "faint" }
local LEGEND <const> = "F file  S shared  T thp  H hugetlb  . small  _ not read"

-- Whether a row is worth no line: it has no huge pages and is too small for one. With advice,
-- pages of a run that the TLB may hold as one entry count as huge.
local function is_small(survey, row)
    local contiguous = survey.host.contiguous_size
    local least = row.advice and contiguous > 0 and contiguous or survey.host.huge_page_size
    return row.huge_bytes == 0 and row.size < least
end

local function rows_text(survey, verbose)
    local width = terminal.width(STANDARD_OUTPUT)
    local lines = { { "object", "mapping", "size", "pages", "from", "" } }
    local rest = { count = 0, bytes = 0, pages = 0 }
    for _, row in ipairs(survey.rows) do
        if is_small(survey, row) and not verbose then
            rest.count, rest.bytes = rest.count + 1, rest.bytes + row.size
            rest.pages = rest.pages + row.size // survey.host.page_size
        else
            lines[#lines + 1] = { text.short(row.object), ("%x-%x"):format(row.start, row.stop),
                text.size(row.size), text.pages(row.pages), row.from,
                reasons.text(row) }
        end
    end
    local shown = #lines > 1
        and columns.with_notes(lines, { right = { [3] = true }, below = 2, width = width }) or ""
    if rest.count == 0 then return shown end
    return shown .. ("  %s%s smaller than a huge page, %s or %s in all (-v: all)\n")
        :format(#lines > 1 and "and " or "", text.count(rest.count, "text"),
            text.size(rest.bytes), text.count(rest.pages, "page"))
end

local function legend_text(size, paint)
    return ("\n  each letter is %s: %s\n"):format(text.size(size),
        (LEGEND:gsub("%f[%g]([FSTH._]) ", function(letter)
            return paint(colours[letter], letter) .. " "
        end)))
end

-- How many huge pages a line has.
local function letters_in_line()
    local width = terminal.width(STANDARD_OUTPUT)
    return width and width < WIDE and 32 or 64
end

local function add_picture(lines, picture, size, paint)
    local name = text.visible(text.basename(picture.object))
    local most = letters_in_line()
    for first = 1, #picture.slots, most do
        local letters = {}
        for i = first, math.min(first + most - 1, #picture.slots) do
            local letter = picture.slots[i].letter
            letters[#letters + 1] = paint(colours[letter], letter)
        end
        lines[#lines + 1] = ("  %12x  %s  %s\n"):format(picture.start + (first - 1) * size,
            table.concat(letters), first == 1 and name or "")
    end
end

local function pictures_text(survey, paint)
    if #survey.pictures == 0 then return "" end
    local size = survey.host.huge_page_size
    local lines = { legend_text(size, paint) }
    for _, picture in ipairs(survey.pictures) do add_picture(lines, picture, size, paint) end
    return (table.concat(lines):gsub(" +\n", "\n"))
end

--- Writes a survey to standard output.
-- @tparam Survey survey
-- @tparam Settings options with `verbose` small texts have a line, too
-- @treturn[1] file it has been written
-- @treturn[2] nil, string why it could not be written
function survey_table.show(survey, options)
    local paint = terminal.painter(STANDARD_OUTPUT)
    local width = terminal.width(STANDARD_OUTPUT)
    local head = ("tiexec: %s (process %d):%s%s\n"):format(text.visible(survey.name),
        survey.observed:pid(), width and width < WIDE and "\n  " or " ", survey:summary())
    local by = ""
    if survey.profile then
        local profile, strategy = text.visible(survey.profile), text.visible(survey.strategy)
        by = ("  planned by the profile %s: strategy %s, sources %s\n"):format(profile, strategy,
            table.concat(survey.sources, ","))
    end
    local ok, why = io.stdout:write(paint("bold", head), by, rows_text(survey, options.verbose),
        pictures_text(survey, paint))
    if ok then ok, why = io.stdout:flush() end
    return ok, why
end

return survey_table
