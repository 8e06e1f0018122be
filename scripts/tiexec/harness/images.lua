-- SPDX-License-Identifier: Apache-2.0
--- ELF headers of files, each read once: a start looks at the same three or four files from several sides, and
-- finding out that a file is still the same takes a tenth of reading it.

local core = require "tiexec.core"

local images = {}

local known = {} -- by inode: images, and when their files were changed last

--- The image (`tiexec.image`) of the file that a path leads to now. Nobody may change it.
-- @treturn[1] table
-- @treturn[2] nil, message, errno
function images.of(path)
    local stat, why, errno = core.stat(path)
    if not stat then return nil, why, errno end
    local found = known[stat.inode]
    if found and found.device == stat.device and found.size == stat.size and found.mtime == stat.mtime then
        return found.image
    end
    local image
    image, why, errno = core.image(path)
    if not image then return nil, why, errno end
    if image.inode == stat.inode then
        known[stat.inode] = { image = image, device = stat.device, size = stat.size, mtime = stat.mtime }
    end
    return image
end

return images
