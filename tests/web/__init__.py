"""Tests of the pages, in a browser and over HTTP, on the whole suite."""
