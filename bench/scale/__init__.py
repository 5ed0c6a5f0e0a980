"""What a library costs: points for an hour of video, bytes and memory for a point, time for a question."""
