"""How good a library is, and whether that figure can be believed.

The task: every asked track is given one genre by the vote of tracks that are known; its label says
whether that is right. What is asked and what is known is the split, and most of what can go wrong
goes wrong there.

``corpus``      the labelled tracks, and what keeps them together: artists and copies
``copies``      the same recording twice
``splits``      which tracks are known and which are asked
``choose``      from what a person asks for to a split
``ask``         puts a split's questions to the vote
``metrics``     figures of merit; arrays in, numbers out
``intervals``   how far a figure can be trusted; paired tests
``figures``     all of these for one split
``mistakes``    the surest wrong answers, with the neighbors that decided them
``trust``       whether a figure can be believed, in words
``compare``     two libraries or two votes on the same questions
``suspicion``   labels that the neighborhood speaks against, and hubs
``audit``       what is wrong with a library
``run``         a whole evaluation
``text``, ``report``, ``charts``    as text and as one HTML file
``gtzan``       what is known about the GTZAN clips
"""
