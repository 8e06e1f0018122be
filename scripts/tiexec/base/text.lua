-- SPDX-License-Identifier: Apache-2.0
--- Sizes, counts and names as people write them.

local text = {}

--- A number of bytes: "4 KiB", "10.1 MiB". Less than a KiB is rounded down.
function text.size(bytes)
    if bytes < 1 << 20 then return ("%d KiB"):format(bytes >> 10) end
    return (("%.1f MiB"):format(bytes / (1 << 20)):gsub("%.0 ", " "))
end

--- The counts of pages of several sizes: "11 × 2 MiB + 3 × 4 KiB".
-- @tparam table pages list of `size`, in bytes, and `count`
function text.pages(pages)
    local words = {}
    for i, some in ipairs(pages) do words[i] = ("%d × %s"):format(some.count, text.size(some.size)) end
    return table.concat(words, " + ")
end

--- An address or a number of bits in hexadecimal: "0x1f000".
function text.hex(number) return ("%#x"):format(number) end

--- The last part of a path: a name short enough for a table.
function text.basename(path)
    if path == "" then return "(anonymous)" end
    return path:match("[^/]+$") or path
end

--- Text from elsewhere, with each control character shown by its number. The text stays one line, and a
-- terminal does not obey it.
function text.visible(bytes)
    return (bytes:gsub("%c", function(byte) return ("\\x%02x"):format(byte:byte()) end))
end

return text
