-- SPDX-License-Identifier: Apache-2.0
-- For wrk: asks for a sum, and counts the answers that are right and those that are not. All of it is in one thread.

local threads, wanted = {}, '{"n":100,"sum":201}'
wrk.path = "/?n=100"

function setup(thread) threads[#threads + 1] = thread end

function init() right, wrong = 0, 0 end

function response(status, _, body)
    if status == 200 and body == wanted then right = right + 1 else wrong = wrong + 1 end
end

function done(summary)
    local errors = summary.errors
    print(("right %d wrong %d lost %d"):format(threads[1]:get "right", threads[1]:get "wrong",
        errors.connect + errors.read + errors.write + errors.timeout))
end
