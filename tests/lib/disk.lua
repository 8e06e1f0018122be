-- SPDX-License-Identifier: Apache-2.0
-- For the specs of what is read from a disk: a filesystem of its own in a file, with a program on it. Its block device
-- counts what is read, whoever reads it.

local core = require "tiexec.core"
local support = require "tests.lib.support"

local disk = {}

local Disk = {}
Disk.__index = Disk

local function run(command) return support.shell(command).code == 0 end

--- Makes the filesystem, ext4 with `options` of mkfs, with a copy of a test program. Nothing of it is cached. nil,
-- why: it cannot be made.
function disk.make(name, options)
    local folder = support.folder()
    local image, mount = folder.path .. "/image", folder.path .. "/disk"
    local made = support.is_root and run(([[losetup -f && truncate -s 192M %s && mkfs.ext4 -q %s %s && mkdir %s]])
        :format(image, options or "", image, mount)) and run(([[mount -o loop %s %s && cp %s%s %s/ && umount %s &&
        mount -o loop %s %s]]):format(image, mount, support.programs, name, mount, mount, image, mount))
    if not made then
        support.shell("umount " .. mount)
        getmetatable(folder).__close(folder)
        return nil, "no filesystem can be made in a file: not root?"
    end
    return setmetatable({ folder = folder, mount = mount, image = image, path = mount .. "/" .. name }, Disk)
end

function Disk:__close()
    support.wait_for(function() return run("umount " .. self.mount) end)
    getmetatable(self.folder).__close(self.folder)
end

--- Cuts the disk off: from now on nothing can be read.
function Disk:lose() run("truncate -s 0 " .. self.image) end

--- Gives the size of the program's file, in bytes.
function Disk:size() return core.stat(self.path).size end

-- What /sys tells of the disk in a file.
local function told(self, file)
    local device = core.stat(self.path).device
    local major, minor = device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00
    return support.read_file(("/sys/dev/block/%d:%d/%s"):format(major, minor, file))
end

-- The bytes that were read from the disk so far.
local function bytes_read(self)
    return 512 * math.tointeger(tonumber(told(self, "stat"):match("^%s*%d+%s+%d+%s+(%d+)")))
end

--- Gives how many bytes the kernel reads around one that is asked for.
function Disk:read_ahead() return 1024 * math.tointeger(tonumber(told(self, "bdi/read_ahead_kb"))) end

--- Does something, and gives how many bytes were read from the disk meanwhile.
function Disk:read_by(work)
    local before = bytes_read(self)
    work()
    return bytes_read(self) - before
end

return disk
