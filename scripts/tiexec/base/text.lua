-- SPDX-License-Identifier: Apache-2.0
--- Sizes, counts and names, written for people.

local text = {}

--- Writes a number of bytes: "4 KiB", "10.1 MiB". A part of a KiB is left out.
-- @int bytes
-- @treturn string
function text.size(bytes)
    if bytes < 1 << 20 then return ("%d KiB"):format(bytes >> 10) end
    return (("%.1f MiB"):format(bytes / (1 << 20)):gsub("%.0 ", " "))
end

--- Writes how many pages there are of each size: "11 × 2 MiB + 3 × 4 KiB".
-- @tparam table pages list of `size`, in bytes, and `count`
-- @treturn string
function text.pages(pages)
    local words = {}
    for i, some in ipairs(pages) do
        words[i] = ("%d × %s"):format(some.count, text.size(some.size))
    end
    return table.concat(words, " + ")
end

--- Writes a number of things: "1 page", "2 pages".
-- @int number
-- @string one the word for one of them
-- @string[opt] many the word for several; by default with an "s"
-- @treturn string
function text.count(number, one, many)
    return ("%d %s"):format(number, number == 1 and one or many or one .. "s")
end

--- Writes numbers of pages as `text.pages` does, shorter: "11×2M + 3×4K".
-- @tparam table pages list of `size`, in bytes, and `count`
-- @treturn string
function text.short_pages(pages)
    return (text.pages(pages):gsub(" × ", "×"):gsub(" ([KM])iB", "%1"))
end

--- Writes an address, or bits, in hexadecimal: "0x1f000".
-- @int number
-- @treturn string
function text.hex(number) return ("%#x"):format(number) end

--- Gives the last part of a path, which is short enough for a table.
-- @string path the path of a mapping; "" for anonymous memory
-- @treturn string
function text.basename(path)
    if path == "" then return "(anonymous)" end
    return path:match("[^/]+$") or path
end

--- Gives the same, shorter: without what tells the copies of the source `shared` apart.
-- @string path
-- @treturn string
function text.short(path)
    local name, copy = text.basename(path), path:match("([^/@]+)@%x[^/]*$")
    return copy and copy .. " (copy)" or name
end

-- Shows each byte by its number.
local function numbers(bytes)
    return (bytes:gsub(".", function(byte) return ("\\x%02x"):format(byte:byte()) end))
end

--- Makes text from elsewhere safe to print: each control character is shown by its numbers, and so
-- is what is not UTF-8. So the text stays one line, and it cannot command a terminal.
-- @string bytes
-- @treturn string
function text.visible(bytes)
    if not bytes:find("[%c\x80-\xff]") then return bytes end
    local shown = bytes:gsub("%c", numbers):gsub("\xc2[\x80-\x9f]", numbers) -- U+0080 to U+009F
    return utf8.len(shown) and shown or (shown:gsub("[\x80-\xff]", numbers))
end

local escapes <const> = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

--- Escapes text for XML. Names of files may have any bytes: those that are no text become "?".
-- @string words
-- @treturn string
function text.xml(words)
    if not utf8.len(words) then words = words:gsub("[\128-\255]", "?") end
    return (words:gsub("%c", "?"):gsub('[&<>"]', escapes))
end

return text
