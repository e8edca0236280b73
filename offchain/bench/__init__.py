"""What things cost, as figures: gas of each call of a round; time and memory of the stages of a proof, and of the same
done by what others would use.
"""
