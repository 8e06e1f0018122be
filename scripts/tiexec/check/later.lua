-- SPDX-License-Identifier: Apache-2.0
--- Libraries with much text that lie beside a program and that it does not name: it may load them
-- later, as java does its virtual machine.

local core = require "tiexec.core"
local images = require "tiexec.harness.images"
local text = require "tiexec.base.text"

local later = {}

-- Folders whose libraries are everybody's.
local common <const> = { [""] = true, ["/usr"] = true, ["/usr/local"] = true }

local MOST <const> = 2000 -- files that are looked at

-- Calls `visit` with the path of each library in a folder, and in the folders in that.
local function each_library(folder, visit, depth)
    for _, name in ipairs(core.list_folder(folder) or {}) do
        local path = folder .. "/" .. name
        if name:find("%.so$") or name:find("%.so%.") then
            visit(path, name)
        elseif depth > 0 and not name:find(".", 1, true) then
            each_library(path, visit, depth - 1)
        end
    end
end

--- Finds these libraries.
-- @string path of the program, without links
-- @int least bytes of text that a library must have
-- @treturn table list of `name` and `bytes`, of text
function later.of(path, least)
    local top = path:match("^(.*)/[^/]+/[^/]+$")
    if not top or common[top] then return {} end
    local program, list, seen = core.read_file(path) or "", {}, {}
    local count = 0
    each_library(top .. "/lib", function(library, name)
        local real = core.realpath(library) or library
        count = count + 1
        if count > MOST or seen[real] or program:find(name .. "\0", 1, true) then return end
        seen[real] = true
        local image = core.image(real)
        local bytes = image and image.native and images.text_size(image) or 0
        if bytes >= least then list[#list + 1] = { name = name, bytes = bytes } end
    end, 1)
    table.sort(list, function(a, b) return a.bytes > b.bytes end)
    return list
end

--- Names the largest of them.
-- @tparam table list as `later.of` gives it
-- @treturn string
function later.text(list)
    local words = {}
    for i = 1, math.min(#list, 3) do
        words[i] = ("%s, %s of text"):format(list[i].name, text.size(list[i].bytes))
    end
    return table.concat(words, "; ")
end

return later
