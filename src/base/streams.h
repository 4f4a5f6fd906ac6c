#pragma once
// The three standard streams, which whoever starts the program may have closed.

namespace zebra {

// For main, before any file is opened: a closed stream becomes the null device, so that no file of ours gets its number
// and log lines cannot end up in it. What is printed to a closed standard output still fails.
void open_standard_streams();

// For main, at its end: Error(disk) if anything that was printed did not arrive.
void finish_standard_output();

}  // namespace zebra
