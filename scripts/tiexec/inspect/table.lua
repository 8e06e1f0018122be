-- SPDX-License-Identifier: Apache-2.0
--- A survey as a table and a picture, for people.

local columns = require "tiexec.show.columns"
local terminal = require "tiexec.base.terminal"
local text = require "tiexec.base.text"

local survey_table = {}

local WIDTH <const> = 64 -- huge pages in a line
local colours <const> = { F = "green", S = "cyan", T = "blue", H = "magenta", ["."] = "yellow", _ = "faint" }

local function why_text(row)
    local words = table.move(row.why, 1, #row.why, 1, {})
    words[#words + 1] = row.advice
    return table.concat(words, "; ")
end

local function is_small(found, row)
    local contiguous = found.host.contiguous_size
    local least = row.advice and contiguous > 0 and contiguous or found.host.huge_page_size
    return row.huge_bytes == 0 and row.size < least
end

local function show_rows(found, options)
    local lines = { { "object", "mapping", "size", "pages", "from", "why not huge, and what to do" } }
    local rest = { count = 0, bytes = 0, pages = 0 }
    for _, row in ipairs(found.rows) do
        if is_small(found, row) and not options.verbose then
            rest.count, rest.bytes = rest.count + 1, rest.bytes + row.size
            rest.pages = rest.pages + row.size // found.host.page_size
        else
            lines[#lines + 1] = { text.basename(row.object), ("%x-%x"):format(row.start, row.stop),
                text.size(row.size), text.pages(row.pages), row.from, why_text(row) }
        end
    end
    local shown = #lines > 1 and columns.align(lines, { [3] = true }) or ""
    if rest.count == 0 then return shown end
    return shown .. ("  %s%d %s smaller than a huge page, %s or %d pages in all (-v shows them)\n"):format(
        #lines > 1 and "and " or "", rest.count, rest.count == 1 and "text" or "texts",
        text.size(rest.bytes), rest.pages)
end

local function paint_letters(letters, paint)
    return (letters:gsub("%g", function(letter) return paint(colours[letter], letter) end))
end

local function show_pictures(found, paint)
    if #found.pictures == 0 then return "" end
    local size = found.host.huge_page_size
    local legend = "F file  S shared copy  T thp  H hugetlb  . small pages  _ not read yet"
    local lines = { ("\n  each letter is %s: %s\n"):format(text.size(size),
        (legend:gsub("%f[%g]([FSTH._]) ", function(letter) return paint(colours[letter], letter) .. " " end))) }
    for _, picture in ipairs(found.pictures) do
        local name = text.basename(picture.object)
        for first = 1, #picture.slots, WIDTH do
            local letters = {}
            for i = first, math.min(first + WIDTH - 1, #picture.slots) do
                letters[#letters + 1] = picture.slots[i].letter
            end
            lines[#lines + 1] = ("  %12x  %s  %s\n"):format(picture.start + (first - 1) * size,
                paint_letters(table.concat(letters), paint), first == 1 and name or "")
        end
    end
    return (table.concat(lines):gsub(" +\n", "\n"))
end

--- Writes a survey to standard output.
-- @tparam table found what `survey.make` gave
-- @tparam table options `verbose`: each small text too
-- @return true, or nil, string
function survey_table.show(found, options)
    local paint, totals = terminal.painter(1), found.totals
    local share = 100 * totals.huge_bytes / math.max(totals.bytes, 1)
    local head = ("tiexec: %s (process %d): %s of %s of text on huge pages, %.1f %%: %d huge and %d small pages\n")
        :format(found.name, found.observed:pid(), text.size(totals.huge_bytes),
            text.size(totals.bytes), share, totals.huge_pages, totals.small_pages)
    local by = found.profile and ("  planned by the profile %s: strategy %s, sources %s\n"):format(found.profile,
        found.strategy, table.concat(found.sources, ",")) or ""
    local ok, why = io.stdout:write(paint("bold", head), by, show_rows(found, options), show_pictures(found, paint))
    if ok then ok, why = io.stdout:flush() end
    return ok, why
end

return survey_table
