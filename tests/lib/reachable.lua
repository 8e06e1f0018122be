-- SPDX-License-Identifier: Apache-2.0
-- For the specs of other users: tiexec and test programs are copied to a folder that any user can reach, and
-- where no mount option is in the way.

local support = require "tests.lib.support"

local reachable = {}

--- Makes the copy. Returns the folder's path with a slash, and a function that removes it.
-- In it are `build/tiexec`, `build/dynamic/tiexec`, `build/tests/ample` and `id`.
function reachable.folder()
    local folder = support.folder()
    local here = folder.path .. "/"
    os.execute(([[
mkdir -p %sbuild/tests %sbuild/dynamic && cp %s %sbuild/tiexec && cp %s %sbuild/dynamic/tiexec &&
    cp %sample %sbuild/tests/
cp -r scripts %sscripts; cp "$(command -v id)" %sid; chmod -R go+rX %s
]]):format(here, here, support.tiexec, here, support.dynamic_tiexec, here,
    support.programs, here, here, here, folder.path))
    return here, function() getmetatable(folder).__close(folder) end
end

return reachable
