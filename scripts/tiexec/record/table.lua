-- SPDX-License-Identifier: Apache-2.0
--- Shows people what a recording has: on standard output, or on standard error after CMD has run.

local columns = require "tiexec.show.columns"
local summary = require "tiexec.record.summary"
local terminal = require "tiexec.base.terminal"
local text = require "tiexec.base.text"

local record_table = {}

local MOST <const>, LINE <const> = 8, 64 -- rows of a table, letters of a line

local function percent(part, all) return ("%.1f %%"):format(100 * part / math.max(all, 1)) end

local function plural(count, word)
    return ("%d %s%s"):format(count, word, count == 1 and "" or "s")
end

local function needed_text(found)
    local lines = { { "share of the samples", "pages of 4 KiB",
        "pages of " .. text.size(found.huge) } }
    for _, one in ipairs(found.needed) do
        lines[#lines + 1] = { ("%.0f %%"):format(100 * one.share), ("%d"):format(one.small),
            ("%d"):format(one.huge) }
    end
    return columns.align(lines, { true, true, true })
end

local function objects_text(recording)
    local lines = { { "object", "samples", "" } }
    for i, object in ipairs(recording.objects) do
        if i > MOST then break end
        lines[#lines + 1] = { text.basename(object.path), ("%d"):format(object.samples),
            percent(object.samples, recording.samples) }
    end
    return columns.align(lines, { false, true, true })
end

-- The symbols of all objects, the hottest first.
local function symbols_text(recording)
    local list, lines = {}, { { "symbol", "object", "" } }
    for _, object in ipairs(recording.objects) do
        for _, symbol in ipairs(object.symbols or {}) do
            list[#list + 1] = { name = symbol.name, samples = symbol.samples, path = object.path }
        end
    end
    table.sort(list, function(a, b)
        if a.samples ~= b.samples then return a.samples > b.samples end
        return a.name < b.name
    end)
    for i = 1, math.min(MOST, #list) do
        local one = list[i]
        local name = #one.name > 44 and one.name:sub(1, 41) .. "..." or one.name
        lines[#lines + 1] = { name, text.basename(one.path),
            percent(one.samples, recording.samples) }
    end
    return #list > 0 and columns.align(lines, { false, false, true }) or ""
end

local function hottest_text(found, recording)
    local lines, sum = { { "hottest " .. text.size(found.huge), "at", "samples", "together" } }, 0
    for i = 1, math.min(MOST, #found.pages) do
        local page = found.pages[i]
        sum = sum + page.samples
        lines[#lines + 1] = { text.basename(page.object), text.hex(page.offset),
            percent(page.samples, recording.samples), percent(sum, recording.samples) }
    end
    return columns.align(lines, { false, true, true, true })
end

local function pictures_text(found, recording)
    local words, lines = {}, {}
    for i, grade in ipairs(summary.grades) do words[i] = grade.letter .. " " .. grade.label end
    for _, object in ipairs(recording.objects) do
        local picture = summary.picture(found, object.path)
        if picture and object.samples >= recording.samples / 100 then
            for first = 1, #picture, LINE do
                local letters = {}
                for i = first, math.min(first + LINE - 1, #picture) do
                    letters[#letters + 1] = picture[i].letter
                end
                lines[#lines + 1] = { ("%x"):format(picture.first + (first - 1) * found.huge),
                    table.concat(letters), first == 1 and text.basename(object.path) or "" }
            end
        end
    end
    if #lines == 0 then return "" end
    return ("  the share of each %s: %s\n"):format(text.size(found.huge),
        table.concat(words, "  ")) .. columns.align(lines, { true })
end

--- Writes what a recording has.
-- @tparam Recording recording
-- @int huge the size of a huge page, in bytes
-- @tparam file out open for writing
-- @int fd its descriptor
-- @treturn[1] file it has been written
-- @treturn[2] nil, string why it could not be written
function record_table.show(recording, huge, out, fd)
    local paint, found = terminal.painter(fd), summary.of(recording, huge)
    local all = {}
    local parts = { paint("bold", text.visible(text.basename(recording.executable))),
        (": %s of %s"):format(plural(recording.samples, "sample"), text.visible(recording.event)) }
    if recording.frequency and recording.frequency > 0 then
        parts[#parts + 1] = (", %d in a second"):format(recording.frequency)
    end
    if (recording.lost or 0) > 0 then
        parts[#parts + 1] = (" (and %d lost)"):format(recording.lost)
    end
    parts[#parts + 1] = "\n"
    if recording.samples > 0 then
        for _, part in ipairs { needed_text(found), objects_text(recording),
            hottest_text(found, recording), symbols_text(recording),
            pictures_text(found, recording) } do
            if part ~= "" then all[#all + 1] = part end
        end
        parts[#parts + 1] = table.concat(all, "\n")
    end
    local ok, why = out:write(table.concat(parts))
    if ok then ok, why = out:flush() end
    return ok, why
end

return record_table
