// Carries the one precompiled ATen header that every torch-facing module reuses.
