-- SPDX-License-Identifier: Apache-2.0
-- What docs/REPORT.md says of JSON: the keys of each kind, with their types, and the codes.

local codes = require "tiexec.base.codes"
local keys = require "tiexec.base.keys"
local support = require "tests.lib.support"

local schema = {}

schema.PAGE = "docs/REPORT.md"

-- ---- codes -------------------------------------------------------------------------------------

local function table_of(formats)
    local lines = { "| code | words |\n|---|---|\n" }
    for _, code in ipairs(keys.sorted(formats)) do
        local words = formats[code]:gsub("%%[#.%d]*%a", "…"):gsub("%%%%", "%%")
        lines[#lines + 1] = ("| `%s` | %s |\n"):format(code, words)
    end
    return table.concat(lines)
end

--- The tables of all codes, as the page has them.
function schema.code_tables()
    return "### Of reasons\n\n" .. table_of(codes.reasons)
        .. ("| `%s` | the kernel's own words, or those of a strategy |\n"):format(codes.OTHER)
        .. "\n### Of facts\n\n" .. table_of(codes.facts)
end

-- ---- keys --------------------------------------------------------------------------------------

local function is_table(value) return type(value) == "table" end

local tests = {
    string = function(value) return type(value) == "string" end,
    boolean = function(value) return type(value) == "boolean" end,
    number = function(value) return type(value) == "number" end,
    integer = function(value) return math.type(value) == "integer" end,
    hex = function(value) return type(value) == "string" and value:find("^0x%x+$") ~= nil end,
    table = is_table,
    code = function(value)
        return codes.reasons[value] ~= nil or codes.facts[value] ~= nil or value == codes.OTHER
    end,
}

-- The steps of a path: "mappings[].why[]" has "mappings", "[]", "why", "[]".
local function steps_of(path)
    local steps = {}
    for word, brackets in path:gmatch("([%w_*]+)(%[?%]?)") do
        steps[#steps + 1] = word
        if brackets == "[]" then steps[#steps + 1] = "[]" end
    end
    return steps
end

local function add(node, steps, kind)
    for _, step in ipairs(steps) do
        node.fields = node.fields or {}
        node.fields[step] = node.fields[step] or {}
        node = node.fields[step]
    end
    node.kind, node.optional = kind:match("^%a+"), kind:find("?", 1, true) ~= nil
end

--- Reads the tables of some chapters of the page.
-- @string ... their titles
-- @treturn table for `schema.wrong`
function schema.read(...)
    local page, root = support.read_file(schema.PAGE), {}
    for _, title in ipairs { ... } do
        local _, from = page:find("\n## " .. title .. "\n", 1, true)
        assert(from, title)
        for path, kind in page:sub(from, page:find("\n## ", from, true)):gmatch("\n| `([^`]+)` | ([^|]-) |") do
            add(root, steps_of(path), kind)
        end
    end
    return root
end

local check, may_be_missing

-- A table may be missing if all that is in it may.
function may_be_missing(node)
    for _, field in pairs(node.fields or {}) do
        if not may_be_missing(field) then return false end
    end
    return node.fields ~= nil or node.optional
end

local function check_fields(node, value, path, wrong)
    if not is_table(value) then
        wrong[#wrong + 1] = path .. " is no table"
        return
    end
    for key, field in pairs(value) do
        local known = math.type(key) == "integer" and node.fields["[]"] or node.fields[key] or node.fields["*"]
        if known then
            check(known, field, ("%s.%s"):format(path, key), wrong)
        else
            wrong[#wrong + 1] = ("%s.%s is not documented"):format(path, key)
        end
    end
    for name, known in pairs(node.fields) do
        local is_any = name == "[]" or name == "*"
        if not is_any and value[name] == nil and not may_be_missing(known) then
            wrong[#wrong + 1] = ("%s.%s is missing"):format(path, name)
        end
    end
end

function check(node, value, path, wrong)
    if node.fields then return check_fields(node, value, path, wrong) end
    if not assert(tests[node.kind], node.kind)(value) then
        wrong[#wrong + 1] = ("%s is no %s: %s"):format(path, node.kind, tostring(value))
    end
end

--- Lists what is not as the page says.
-- @tparam table root what `schema.read` gave
-- @param value decoded JSON
-- @treturn table list of lines
function schema.wrong(root, value)
    local wrong = {}
    check(root, value, "", wrong)
    table.sort(wrong)
    return wrong
end

return schema
