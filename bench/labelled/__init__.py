"""A labelled set made from a seed: real photographs' things pasted into moving scenes, truth to the frame.

    things.py     what can be looked for: cut out of photographs, and which of them look alike
    folds.py      which half of the photographs a library may show; the other half has no answer in it
    places.py     walls and floors to paste on, made from textures
    light.py      what a camera does to a picture: light, colour, blur, noise
    film.py       shots, things on their paths, and the frame at any moment
    plan.py       seed -> films and stills
    truth.py      films and stills -> who is where when
    asking.py     seed -> queries with their answers; pictures that no library shows
    write.py      all of it as files
    sheet.py      frames with the truth drawn on them, to look at

``python -m bench.labelled OUT --seed 0 --queries 240`` writes the form that ``momentseek eval OUT`` reads.
"""
