-- SPDX-License-Identifier: Apache-2.0
--- A stub's target description: which registers there are, and where their bytes are.

local core = require "tiexec.core"
local wire = require "tiexec.gdb.client.wire"
local xml = require "tiexec.gdb.xml"

local c = core.constants
local target = {}

local DEEPEST <const> = 8 -- descriptions that include others
local REGISTERS <const>, BITS <const> = 8192, 1 << 16

-- Names that mean the same on every CPU, and what CPUs call these registers.
local general <const> = { pc = { "pc", "rip", "eip" }, sp = { "sp", "rsp", "esp", "r13" },
    fp = { "fp", "rbp", "ebp", "x29", "s0" } }

local function malformed() return nil, "the stub's target description is malformed", c.EPROTO end

-- Adds the registers of one document to a description, and those of the documents that it includes.
local function add(remote, self, name, depth)
    if depth > DEEPEST then return malformed() end
    local document, why, errno = wire.transfer(remote, "features", name)
    if not document then return nil, why, errno end
    local tags = xml.tags(document)
    if not tags then return malformed() end
    for _, tag in ipairs(tags) do
        local a = tag.attributes
        if tag.name == "architecture" and not tag.closes then
            self.architecture = tag.text:match("^%s*(.-)%s*$")
        elseif tag.name == "xi:include" and a.href then
            local ok
            ok, why, errno = add(remote, self, a.href, depth + 1)
            if not ok then return nil, why, errno end
        elseif tag.name == "reg" and not tag.closes then
            local bits = math.tointeger(tonumber(a.bitsize))
            local number = a.regnum and math.tointeger(tonumber(a.regnum)) or self.following
            local fits = a.name and bits and bits > 0 and bits <= BITS and number and number >= 0
                and number < REGISTERS and #self.list < REGISTERS
            if not fits then return malformed() end
            self.list[#self.list + 1] = { name = a.name, size = (bits + 7) // 8, number = number,
                type = a.type or "int", group = a.group }
            self.following = number + 1
        end
    end
    return true
end

-- Where each register's bytes are among those of all, which come in order of the numbers.
local function lay_out(self)
    table.sort(self.list, function(a, b) return a.number < b.number end)
    local offset = 0
    for _, register in ipairs(self.list) do
        register.offset, offset = offset, offset + register.size
        self.by_name[register.name] = register
    end
    self.size = offset
    for name, words in pairs(general) do
        for _, word in ipairs(words) do
            self.by_name[name] = self.by_name[name] or self.by_name[word]
        end
    end
end

-- Registers that are the low parts of others: a pattern, the names of the others, and the bytes.
local parts <const> = {
    { "^e([abcd]x)$", { "r%s" }, 4 }, { "^e([sd]i)$", { "r%s" }, 4 },
    { "^e([sb]p)$", { "r%s" }, 4 },
    { "^(r%d+)d$", { "%s" }, 4 }, { "^w(%d+)$", { "x%s" }, 4 },
    { "^v(%d+)$", { "z%s" }, 16 }, { "^q(%d+)$", { "v%s", "z%s" }, 16 },
    { "^d(%d+)$", { "v%s", "z%s" }, 8 }, { "^s(%d+)$", { "v%s", "z%s" }, 4 },
}

--- Finds a register by its name: one of the description, or a part of one (eax, w0; v0 of z0).
-- @treturn ?table
function target.find(self, name)
    local register = self.by_name[name]
    if register or type(name) ~= "string" then return register end
    for _, part in ipairs(parts) do
        local word = name:match(part[1])
        for _, whole in ipairs(word and part[2] or {}) do
            local found = self.by_name[whole:format(word)]
            if found and found.size >= part[3] then
                return { name = name, size = part[3], whole = found }
            end
        end
    end
end

--- Reads the description of a stub.
-- @treturn[1] table `architecture`, `list` of registers (`name`, `size`, `number`, `offset`,
-- `type`, `group`), `by_name`, `size` of all
-- @treturn[2] nil, message, errno
function target.of(remote)
    local self = { list = {}, by_name = {}, following = 0, architecture = "" }
    local ok, why, errno = add(remote, self, "target.xml", 1)
    if not ok then return nil, why, errno end
    if #self.list == 0 then return malformed() end
    lay_out(self)
    return self
end

return target
