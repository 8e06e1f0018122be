-- SPDX-License-Identifier: Apache-2.0
-- The sentences of a document in Markdown, as plain text.

local sentences = {}

--- Gives a text without what is only there for Markdown.
-- @string text
-- @treturn string
function sentences.plain(text)
    text = text:gsub("!?%[([^%]]*)%]%b()", "%1"):gsub("%*%*", ""):gsub("`", ""):gsub("%s+", " ")
    return (text:gsub("^%s+", ""):gsub("%s+$", ""))
end

-- Calls a function with each block: a paragraph, an item of a list, a row of a table, a line of code with a remark.
local function each_block(text, f)
    local lines, is_code = {}, false
    local function finish()
        if #lines > 0 then f(table.concat(lines, " ")) end
        lines = {}
    end
    for line in text:gmatch("[^\n]*") do
        local is_row, is_item = line:find("^|") ~= nil, line:find("^%s*[-*] ") ~= nil
        if line:find("^```") then is_code = not is_code end
        if is_code or is_row or is_item or line == "" or line:find("^#") or line:find("^```") then finish() end
        if is_code and line:find("^[^#%s].-%s#%s") or is_row and not line:find("^|[ |-]*$") then
            f(line)
        elseif not is_code and not is_row and line ~= "" and not line:find("^#") and not line:find("^```") then
            lines[#lines + 1] = is_item and line:gsub("^%s*[-*] ", "") or line
        end
    end
    finish()
end

--- Lists the sentences of a document. A row of a table is one, and so is a line of code with a remark.
-- @string text
-- @treturn table
function sentences.of(text)
    local list = {}
    each_block(text, function(block)
        local is_row = block:find("^|") or block:find("%s#%s")
        local parted = is_row and block or block:gsub("%s+", " "):gsub("([.?!]%)?%*?%*?) ([%u`%[-])", "%1\0%2")
        for sentence in parted:gmatch("[^\0]+") do list[#list + 1] = sentences.plain(sentence) end
    end)
    return list
end

return sentences
