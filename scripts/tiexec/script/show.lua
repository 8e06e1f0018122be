-- SPDX-License-Identifier: Apache-2.0
--- Values as the prompt shows them: addresses in hexadecimal, with their symbols; bytes as a dump;
-- small tables in a line, registers and the like in lines of their own.

local core = require "tiexec.core"
local text = require "tiexec.base.text"

local show = {}

local WIDE <const> = 100 -- columns
local MOST_LINES <const> = 64
local MOST_BYTES <const> = 512
local DEEPEST <const> = 3 -- levels of tables
local LEAST_ADDRESS <const> = 1 << 16 -- integers from here on are shown in hexadecimal
local INFERIOR <const> = "tiexec.inferior"

-- The keys of tables that come first.
local first = { "reason", "thread", "perms", "name", "path" }
local rank = {}
for i, key in ipairs(first) do rank[key] = i end

local function is_inferior(value)
    local meta = type(value) == "userdata" and getmetatable(value)
    return type(meta) == "table" and meta.__name == INFERIOR
end
show.is_inferior = is_inferior

-- ---- parts of lines -----------------------------------------------------------------------------

-- The symbol at an address of a stopped inferior, in brackets, or "".
local function symbol_text(number, inferior)
    local ok, name = pcall(function() return inferior and inferior:symbolize(number) end)
    return ok and name and (" <%s>"):format(text.visible(name)) or ""
end

local function integer_text(number, inferior)
    if number > -LEAST_ADDRESS and number < LEAST_ADDRESS then return tostring(number) end
    return ("%#x"):format(number) .. symbol_text(number, inferior)
end

local function is_text(bytes)
    return utf8.len(bytes) and not bytes:find("[\0-\8\14-\31\127]")
end

local escapes <const> = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"',
    ["\\"] = "\\\\" }

local function quoted(bytes)
    return '"' .. text.visible((bytes:gsub('[\n\t\r"\\]', escapes))) .. '"'
end

-- A hexadecimal dump of bytes, 16 in a line.
local function dump(bytes)
    local lines = {}
    for at = 1, math.min(#bytes, MOST_BYTES), 16 do
        local row = bytes:sub(at, at + 15)
        local numbers = row:gsub(".", function(byte) return ("%02x "):format(byte:byte()) end)
        lines[#lines + 1] = ("%04x  %-48s  %s"):format(at - 1, numbers, (row:gsub("[^ -~]", ".")))
    end
    if #bytes > MOST_BYTES then
        lines[#lines + 1] = ("… %d bytes in all"):format(#bytes)
    end
    return table.concat(lines, "\n")
end

local function point_text(point)
    local kind = rawget(point, "size") and "watchpoint" or "breakpoint"
    local off = point.enabled and "" or ", off"
    return ("<%s %d at %#x%s>"):format(kind, point.id, point.address, off)
end

local function is_point(value)
    return math.type(rawget(value, "id")) == "integer" and rawget(value, "hit_count") ~= nil
end

local function inferior_text(inferior)
    local ok, pid = pcall(inferior.pid, inferior)
    if not ok then return "<inferior, closed>" end
    local path = core.readlink(("/proc/%d/exe"):format(pid))
    return ("<inferior %d%s>"):format(pid, path and " " .. text.visible(text.basename(path)) or "")
end

-- ---- tables -------------------------------------------------------------------------------------

-- The keys of a table that are not those of its list, in order.
local function keys_of(value)
    local keys = {}
    for key in next, value do
        if math.type(key) ~= "integer" or key < 1 or key > #value then keys[#keys + 1] = key end
    end
    table.sort(keys, function(a, b)
        local one, other = rank[a] or #first + 1, rank[b] or #first + 1
        if one ~= other then return one < other end
        if type(a) == "number" and type(b) == "number" then return a < b end
        return tostring(a) < tostring(b)
    end)
    return keys
end

local in_line

local function key_text(key)
    if type(key) == "string" and key:find("^[%a_][%w_]*$") then return key end
    return ("[%s]"):format(type(key) == "string" and quoted(key) or tostring(key))
end

local function is_range(value)
    return math.type(value.start) == "integer" and math.type(value.stop) == "integer"
end

-- The value of a field in a line. Sizes are no addresses.
local function field_text(value, key, inferior, depth)
    local field, name = value[key], type(key) == "string" and key or ""
    if math.type(field) == "integer" and (name:find("bytes$") or name:find("size$")) then
        return tostring(field)
    end
    return in_line(field, inferior, depth)
end

-- A field of a table in a line, or nil: it was shown already, as a range.
local function field_in_line(value, key, inferior, depth)
    if is_range(value) and (key == "start" or key == "stop") then return nil end
    return ("%s = %s"):format(key_text(key), field_text(value, key, inferior, depth))
end

local function table_in_line(value, inferior, depth)
    if is_point(value) then return point_text(value) end
    if next(value) == nil then return "{}" end
    if depth > DEEPEST then return "{…}" end
    local parts = { is_range(value) and ("%#x-%#x"):format(value.start, value.stop) or nil }
    for i = 1, math.min(#value, MOST_LINES) do
        parts[#parts + 1] = in_line(value[i], inferior, depth + 1)
    end
    for _, key in ipairs(keys_of(value)) do
        parts[#parts + 1] = field_in_line(value, key, inferior, depth + 1)
    end
    return "{ " .. table.concat(parts, ", ") .. " }"
end

-- A value as a part of a line. Long bytes are cut.
function in_line(value, inferior, depth)
    local kind = math.type(value) or type(value)
    if kind == "integer" then return integer_text(value, inferior) end
    if kind == "table" then return table_in_line(value, inferior, depth) end
    if kind == "userdata" and is_inferior(value) then return inferior_text(value) end
    if kind == "string" then
        if #value <= WIDE then return quoted(value) end
        return ("%s… (%d bytes)"):format(quoted(value:sub(1, 32)), #value)
    end
    return tostring(value)
end

-- Cuts a line that is too wide.
local function fit(line)
    if (utf8.len(line) or #line) <= WIDE then return line end
    return line:sub(1, (utf8.offset(line, WIDE) or WIDE) - 1) .. "…"
end

-- A table in lines of its own: its items, and its fields with their names below each other.
local function table_in_lines(value, inferior)
    local lines, keys, widest = {}, keys_of(value), 0
    for _, key in ipairs(keys) do widest = math.max(widest, #key_text(key)) end
    for i, item in ipairs(value) do
        lines[#lines + 1] = fit(("%3d  %s"):format(i, in_line(item, nil, 2))) -- no symbols
    end
    for _, key in ipairs(keys) do
        local name = key_text(key) .. (" "):rep(widest - #key_text(key))
        lines[#lines + 1] = fit(("%s  %s"):format(name, field_text(value, key, inferior, 2)))
    end
    local count = #lines
    if count > MOST_LINES then lines[MOST_LINES] = ("… %d lines in all"):format(count) end
    return table.concat(lines, "\n", 1, math.min(count, MOST_LINES))
end

-- The frames of a backtrace.
local function frames_text(frames)
    local lines = {}
    for i, frame in ipairs(frames) do
        lines[i] = ("#%-3d %#x %s"):format(i - 1, frame.pc, text.visible(frame.text or "?"))
    end
    return table.concat(lines, "\n")
end

-- ---- whole values -------------------------------------------------------------------------------

-- A number by itself may be a size as well as an address.
local function number_text(number, inferior)
    local shown = integer_text(number, inferior)
    if number < LEAST_ADDRESS or number >= 1 << 32 then return shown end
    return ("%d = %s"):format(number, shown)
end

--- Shows one value.
-- @param value of any type
-- @tparam[opt] Inferior inferior whose symbols addresses are shown with
-- @treturn string one line or more, without a newline at the end
function show.value(value, inferior)
    if type(value) == "string" then
        if not is_text(value) then return dump(value) end
        return quoted(value)
    end
    if math.type(value) == "integer" then return number_text(value, inferior) end
    local has_own = type(value) == "table" and (getmetatable(value) or {}).__tostring
    if type(value) ~= "table" or has_own or is_point(value) then
        return has_own and tostring(value) or in_line(value, inferior, 1)
    end
    if type(value[1]) == "table" and value[1].pc and value.by then return frames_text(value) end
    local line = table_in_line(value, inferior, 1)
    if (utf8.len(line) or #line) <= WIDE then return line end
    return table_in_lines(value, inferior)
end

--- Shows the results of an expression. Where something was refused that is its message.
-- @tparam table results as table.pack gives them
-- @tparam[opt] Inferior inferior
-- @treturn string
function show.results(results, inferior)
    if results[1] == nil and type(results[2]) == "string" and results.n >= 2 then
        local name = math.type(results[3]) == "integer" and core.errno_name(results[3])
        return ("nil, %s%s"):format(text.visible(results[2]), name and (" (%s)"):format(name) or "")
    end
    local parts, count = {}, results.n
    while count > 1 and results[count] == nil do count = count - 1 end
    for i = 1, count do parts[i] = show.value(results[i], inferior) end
    return table.concat(parts, "\n")
end

return show
