-- SPDX-License-Identifier: Apache-2.0
--- Shows what has come of `--warm`, as a table or as JSON.

local codes = require "tiexec.base.codes"
local columns = require "tiexec.show.columns"
local json = require "tiexec.show.json"
local text = require "tiexec.base.text"

local show = {}

local function pages_of(row, huge)
    return ("%d of %d"):format(row.after // huge, row.bytes // huge)
end

-- A library without a whole huge page of text is only counted: there are some in each program.
local function is_shown(row, options)
    return row.bytes > 0 or not row.by or row.wrong or options.verbose
end

local function lines_of(rows, options, huge)
    local lines, left_out = { { "text", "huge", "file" } }, 0
    for _, row in ipairs(rows) do
        if is_shown(row, options) then
            lines[#lines + 1] = { text.size(row.text), pages_of(row, huge), row.path }
            if row.why then lines[#lines + 1] = { "", "", "  " .. row.why } end
        else
            left_out = left_out + 1
        end
    end
    return lines, left_out
end

local function as_table(rows, options, huge)
    local lines, left_out = lines_of(rows, options, huge)
    local out = columns.align(lines, { true, true })
    if left_out > 0 then
        out = out .. ("  and %d %s with less text than a huge page\n"):format(left_out,
            left_out == 1 and "file" or "files")
    end
    local ok, why = io.stdout:write(out)
    if ok then ok, why = io.stdout:flush() end
    return ok, why
end

local function plain(row)
    return { path = row.path, needed_by = row.by, text = row.text, bytes = row.bytes,
        huge_before = row.before, huge_bytes = row.after, kept = row.kept, why = row.why,
        code = row.why and codes.of(row.why) }
end

--- Writes to standard output what has come of it.
-- @tparam table rows list of WarmRow
-- @tparam Settings options `json` or not, `verbose`
-- @int huge the size of a huge page, in bytes
-- @treturn[1] boolean true
-- @treturn[2] nil, string why it could not be written
function show.rows(rows, options, huge)
    if not options.json then return as_table(rows, options, huge) end
    local list = {}
    for i, row in ipairs(rows) do list[i] = plain(row) end
    return json.write(io.stdout, { files = json.array(list), huge_page_size = huge })
end

return show
