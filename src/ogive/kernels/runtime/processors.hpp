// How many processors this process may use.
#pragma once

namespace ogive {

// Fewer than the machine has under taskset, Slurm, a container's set of processors or its quota of
// their time. At least 1.
int usable_processors();

} // namespace ogive
