-- SPDX-License-Identifier: Apache-2.0
--- `inferior:serve`: a script hands its inferior over to gdb, and gets it back.

local server = require "tiexec.gdb.server"
local stream = require "tiexec.gdb.stream"

local serve = {}

local function open(where, options)
    if type(where) ~= "string" then return where end
    return stream.accept(where, options.told)
end

--- Lets gdb debug the inferior, until gdb detaches from it (`detach`), kills it (`kill`), or it
-- ends. Then all its threads are stopped, and gdb's breakpoints are gone: the script goes on with
-- it.
-- @function inferior:serve
-- @tparam string|Stream where "PORT" or "HOST:PORT", to listen for gdb's `target remote` there:
-- without a host on the loopback device alone; port 0 is one that is free. The path of a socket; or
-- "-": this process's standard input and output, for `target remote | tiexec --script …`
-- @tparam[opt] table options `told(where)` is called when it listens; `attached = false`: when gdb
-- quits it kills the process, and does not detach
-- @treturn[1] string "detached", "killed" or "exited"
-- @treturn[1] ?Event the end
-- @treturn[2] nil, message, errno (EPIPE: gdb is gone without a word; EBUSY: a thread runs; EPROTO:
-- that is not gdb; EINVAL: `where` is no place; EADDRINUSE; …)
-- @usage
-- print(inferior:serve("0", { told = function(place) -- 127.0.0.1:PORT
--     os.execute("gdb -batch -ex 'target remote " .. place .. "' -ex detach >/dev/null 2>&1 &")
-- end })) --> detached nil nil
-- inferior:cont() -- gdb is gone, and the script has the process again
function serve.serve(inferior, where, options)
    options = options or {}
    local ok, why, errno = inferior:interrupt()
    if not ok then return nil, why, errno end
    local peer
    peer, why, errno = open(where, options)
    if not peer then return nil, why, errno end
    local outcome, event, number = server.serve(inferior, peer,
        { attached = options.attached ~= false, fail = options.fail })
    if type(where) == "string" then peer:close() end
    return outcome, event, number
end

return serve
