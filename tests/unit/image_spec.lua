-- SPDX-License-Identifier: Apache-2.0
-- The headers of usual ELF files are read in a way of their own. What they are taken for is what libelf makes of them.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local FOLDERS <const> = "/usr/bin /usr/sbin /usr/lib/*-linux-gnu /usr/lib64"
local MOST <const>, LARGEST <const> = 250, 4 << 20 -- files, and bytes of each

local function compare(path, bytes)
    local own, libelf = core.image(path), core.image_from_memory(bytes)
    if own then own.size, own.device, own.inode = 0, 0, 0 end
    if libelf then libelf.size, libelf.device, libelf.inode = 0, 0, 0 end
    assert.same(libelf, own, path)
    return own
end

describe("the headers of ELF files", function()
    it("are those that libelf sees", function()
        local seen = { dynamic = 0, named = 0 }
        local words = "find %s -maxdepth 1 -type f -size -4096k 2>/dev/null | shuf -n %d --random-source=%s"
        local list = support.shell(words:format(FOLDERS, MOST, support.tiexec)).out
        for path in list:gmatch("[^\n]+") do
            local bytes = core.read_regular(path, LARGEST)
            local image = bytes and bytes:sub(1, 4) == "\127ELF" and compare(path, bytes)
            if image then
                seen.dynamic = seen.dynamic + (image.needed > 0 and 1 or 0)
                seen.named = seen.named + (image.build_id and 1 or 0)
            end
        end
        assert.is_true(seen.dynamic > 20 and seen.named > 20)
    end)

    it("are those that libelf sees where they are damaged", function()
        math.randomseed(7)
        local folder <close> = support.folder()
        local path, whole = folder.path .. "/file", support.read_file(support.programs .. "small")
        local first = whole:sub(1, 1024)
        for _ = 1, 400 do
            local bytes = {}
            for i = 1, #first do bytes[i] = first:byte(i) end
            for _ = 1, math.random(3) do bytes[math.random(17, #first)] = math.random(0, 255) end
            local file = string.char(table.unpack(bytes)) .. whole:sub(#first + 1)
            if math.random(4) == 1 then file = file:sub(1, math.random(#file)) end
            support.write_file(path, file)
            compare(path, file)
        end
    end)
end)
