-- SPDX-License-Identifier: Apache-2.0
--- The XML of GDB's remote protocol: tags and their attributes. A peer may send anything: what is
-- malformed is nil.

local xml = {}

local MOST <const> = 20000 -- tags

local named <const> = { amp = "&", lt = "<", gt = ">", quot = '"', apos = "'" }

local function plain(text)
    return (text:gsub("&(#?)(x?)(%w+);", function(number, hex, word)
        if number == "" then return named[word] end
        local code = tonumber(word, hex ~= "" and 16 or 10)
        return code and code > 0 and code < 0x80 and string.char(code) or "?"
    end))
end

-- Reads the attributes of a tag. Nil: they are malformed.
local function attributes_of(text)
    local attributes, at = {}, 1
    while true do
        local _, stop, name, quote = text:find("^%s*([%w_:.-]+)%s*=%s*(['\"])", at)
        if not name then return text:find("^%s*$", at) and attributes or nil end
        local close = text:find(quote, stop + 1, true)
        if not close then return nil end
        attributes[name] = plain(text:sub(stop + 1, close - 1))
        at = close + 1
    end
end

--- Lists the tags of a document, in order: each `name`, `attributes`, `text` (up to the next tag),
-- `closes` (an end tag). Declarations and comments are left out.
-- @string document
-- @treturn ?table
function xml.tags(document)
    document = document:gsub("<!%-%-.-%-%->", ""):gsub("<%?.-%?>", ""):gsub("<!DOCTYPE[^%[>]*>", "")
    local list, at = {}, 1
    while true do
        local start = document:find("<", at, true)
        if not start then return list end
        local _, stop, slash, name, rest = document:find("^<(/?)([%w_:.-]+)([^<>]*)>", start)
        if not name or #list >= MOST then return nil end
        local attributes = attributes_of(rest:gsub("/$", ""))
        if not attributes then return nil end
        local following = document:find("<", stop, true) or #document + 1
        list[#list + 1] = { name = name, attributes = attributes, closes = slash == "/",
            text = plain(document:sub(stop + 1, following - 1)) }
        at = stop + 1
    end
end

return xml
