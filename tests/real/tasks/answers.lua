-- SPDX-License-Identifier: Apache-2.0
-- For scripts of wrk: counts the answers that are right and those that are not, and prints how many there were. All of
-- it is in one thread.

local threads = {}

function setup(thread) threads[#threads + 1] = thread end

function count(is_right)
    right, wrong = right or 0, wrong or 0
    if is_right then right = right + 1 else wrong = wrong + 1 end
end

function done(summary)
    local errors = summary.errors
    print(("right %d wrong %d lost %d"):format(threads[1]:get "right" or 0, threads[1]:get "wrong" or 0,
        errors.connect + errors.read + errors.write + errors.timeout))
end
